// What cron-parser makes of each text: its fire times in [since, until), or null where it throws.
// In: {"texts": [...], "since": ms, "until": ms}; out: a list of lists of seconds.
const parser = require("cron-parser");

const { texts, since, until } = JSON.parse(require("fs").readFileSync(0, "utf8"));

function fires(text) {
  const found = [];
  try {
    // The instant before, because the search never returns its own start.
    const schedule = parser.parseExpression(text, { utc: true, currentDate: new Date(since - 1000) });
    for (;;) {
      const next = schedule.next().getTime();
      if (next >= until) return found;
      found.push(next / 1000);
    }
  } catch (error) {
    return null;
  }
}

process.stdout.write(JSON.stringify(texts.map(fires)));
