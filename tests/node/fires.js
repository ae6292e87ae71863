// What cron-parser makes of each text: its fire times in [since, until), or null where it throws.
// In: {"texts": [...], "since": ms, "until": ms}; out: a list of lists of seconds.
const parser = require("cron-parser");

const { texts, since, until } = JSON.parse(require("fs").readFileSync(0, "utf8"));

// The instant before, because the search never returns its own start.
const currentDate = new Date(since - 1000);

function fires(text) {
  const found = [];
  try {
    const schedule = parser.parseExpression(text, { utc: true, currentDate, endDate: new Date(until) });
    for (;;) {
      const next = schedule.next().getTime();
      if (next >= until) return found;
      found.push(next / 1000);
    }
  } catch (error) {
    if (error.message !== "Out of the timespan range") return null;
    // Of a text that has nothing in the span it is asked, too, whether that ever fires.
    return found.length || everFires(text) ? found : null;
  }
}

function everFires(text) {
  try {
    return Boolean(parser.parseExpression(text, { utc: true, currentDate }).next());
  } catch (error) {
    return false;
  }
}

process.stdout.write(JSON.stringify(texts.map(fires)));
