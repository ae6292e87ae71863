"""A newcomer who names a project gains nothing by it, whatever comes, goes, fails or restarts meanwhile."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sidecar.actions.policy import Caller, CallerKind, Case, Rules, refuse_caller, refuse_rights
from sidecar.actions.request import ActionRequest
from sidecar.catalog import StaticCatalog
from sidecar.catalog.claims import Claims, NamingMemory
from sidecar.domain.action import ActionKind
from sidecar.domain.catalog import Entity, Naming
from sidecar.domain.errors import StoreError
from sidecar.domain.model import ProjectRef, Snapshot
from tests.support.builders import NOW, content, entity, environment, experiment, project, snapshot
from tests.support.memory_store.namings import MemoryNamings

ELDER, NEWCOMERS = "group:default/elders", ("group:default/newcomers", "group:default/others")
HERE, THERE = project("p-1", "default"), project("p-1", "west")
ELDERS_ENTITY = entity("component:default/elder", project=HERE, owner=ELDER)
CLAIMS = ("none", "configured", "tagged", "project tagged")


class FailingNamings:
    """A store that is away when the test says so."""

    def __init__(self) -> None:
        self._kept = MemoryNamings()
        self.is_away = False

    async def all(self) -> Sequence[Naming]:
        self._require()
        return await self._kept.all()

    async def keep(self, namings: Collection[Naming], *, gone_before: datetime) -> Sequence[Naming]:
        self._require()
        return await self._kept.keep(namings, gone_before=gone_before)

    def _require(self) -> None:
        if self.is_away:
            raise StoreError("The database is away.")


class NamedBy(StaticCatalog):
    """What the catalog has now; another object after every change, as the real ones."""


class Newcomers(RuleBasedStateMachine):
    """One project that its owner named first, and others who try."""

    def __init__(self) -> None:
        super().__init__()
        self.store = FailingNamings()
        self.now = NOW
        self.elder_is_there = True
        self.elder_left_at: datetime | None = None
        self.others: dict[str, Entity] = {}
        self.catalogue = NamedBy([])
        self.claimed = "none"
        self.tags_are_read = True

    @initialize(claimed=st.sampled_from(CLAIMS))
    def the_elder_names_it(self, claimed: str) -> None:
        self.claimed = claimed
        self.start()
        self.change()
        self.read()

    def start(self) -> None:
        self.memory = NamingMemory(self.store, self.clock)
        run(self.memory.load())

    def clock(self) -> datetime:
        return self.now

    def change(self) -> None:
        elder = [ELDERS_ENTITY] if self.elder_is_there else []
        self.catalogue = NamedBy([*elder, *self.others.values()])

    @rule(
        name=st.sampled_from("abc"),
        owner=st.sampled_from((*NEWCOMERS, None)),
        where=st.sampled_from((HERE, THERE)),
    )
    def a_newcomer_names_it(self, name: str, owner: str | None, where: ProjectRef) -> None:
        self.others[name] = entity(f"component:default/{name}", project=where, owner=owner)
        self.change()

    @rule(name=st.sampled_from("abc"))
    def a_newcomer_leaves(self, name: str) -> None:
        self.others.pop(name, None)
        self.change()

    @rule()
    def the_elder_leaves(self) -> None:
        self.elder_is_there = False
        self.change()

    @rule()
    def the_elder_comes_back(self) -> None:
        self.elder_is_there = True
        self.change()

    @rule()
    def the_catalog_is_read(self) -> None:
        self.read()

    def read(self) -> None:
        run(self.memory.learn(self.catalogue.current))

    @rule(hours=st.integers(-24, 24))
    def time_passes(self, hours: int) -> None:
        """At most a day at once: an example is too short for the elder's time to run out."""
        self.now += timedelta(hours=min(hours, 10))

    @rule(is_away=st.booleans())
    def the_store_comes_and_goes(self, is_away: bool) -> None:  # noqa: FBT001
        self.store.is_away = is_away

    @rule()
    def the_list_of_projects_is_read(self) -> None:
        self.tags_are_read = True

    @rule()
    def the_process_restarts(self) -> None:
        self.tags_are_read = False
        # What was learnt while the store was away, and not written since, is lost with the process.
        self.start()

    @precondition(lambda self: hasattr(self, "memory"))
    @invariant()
    def a_newcomer_may_not_act(self) -> None:
        for owner in NEWCOMERS:
            for of in (*self.others.values(), None):
                assert self.refused({owner}, of), (owner, of)
            assert self.refused(set(NEWCOMERS), None)

    @precondition(lambda self: hasattr(self, "memory"))
    @invariant()
    def who_has_the_claim_acts(self) -> None:
        is_known = self.claimed != "project tagged" or self.tags_are_read
        if self.claimed != "none" and is_known and self.elder_is_there:
            assert not self.refused({ELDER}, ELDERS_ENTITY)

    @precondition(lambda self: hasattr(self, "memory"))
    @invariant()
    def the_plugin_gets_the_elders_project(self) -> None:
        if not self.memory.is_loaded:
            return  # Without its store nothing is known of who came first; then it is an error.
        meant = self.claims().project_with_id("p-1")
        assert meant in ({HERE} if self.elder_is_there else {HERE, None})

    def claims(self) -> Claims:
        return Claims(
            configured={HERE: frozenset({ELDER})} if self.claimed == "configured" else {},
            memory=self.memory,
            catalogue=self.catalogue,
            snapshot_of=self.snapshot,
            project_tags=self.project_tags,
            clock=self.clock,
        )

    def snapshot(self, of: ProjectRef) -> Snapshot:
        is_tagged = self.claimed == "tagged" and of == HERE
        tags = (f"backstage-owner:{ELDER}",) if is_tagged else ()
        return snapshot(content(environments=[environment(tags=tags)]), project=of)

    def project_tags(self, of: ProjectRef) -> Sequence[str] | None:
        is_tagged = self.claimed == "project tagged" and of == HERE
        if is_tagged and self.tags_are_read:
            return (f"backstage-owner:{ELDER}",)
        return () if self.tags_are_read else None

    def refused(self, owns: set[str], of: Entity | None) -> bool:
        """Tell whether they may not run an experiment of the elder's project, asked for so."""
        claims, known = self.claims(), self.snapshot(HERE).content
        asked = ActionRequest(kind=ActionKind.RUN, project=HERE, experiment_id="experiment-1", entity=of)
        case = Case(
            caller=Caller(name="user:default/x", kind=CallerKind.PERSON, owns=frozenset(owns)),
            asked=asked,
            entities=tuple(claims.entities(HERE)) if of is None else (of,),
            claim=claims.of(HERE, known),
            rules=Rules(),
        )
        return (refuse_caller(case) or refuse_rights(case, experiment(), known)) is not None


def run(done: object) -> None:
    """Run to its end what waits for nothing."""
    assert hasattr(done, "send")
    try:
        done.send(None)
    except StopIteration:
        return
    raise AssertionError("it waited for something")


TestNewcomers = Newcomers.TestCase
