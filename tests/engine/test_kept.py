"""Finished steps are history: no amendment touches one, and a plan written whole has them still."""

import pytest
from support.rig import GOOD, PLAN, TODO, Rig
from support.standin import Request, StandIn

from piste.commands import done, steps
from piste.engine import makers, receipts
from piste.engine.states import FRESH
from piste.engine.world import Outcome
from piste.system.errors import Failed, UserError

SPEC = "# Tally\n\nA tool.\n\n## Requirements\n\n1. It counts words.\n2. It sums.\n3. It prints.\n"
STEP_4 = "## Step 4: Count lines too\n\n```text\nChange what step 1 built.\n```\n"
LAST = "```text\nWrite print.txt.\n```"


def edit(old: str, new: str, name: str = "prompt_plan.md") -> str:
    return f"=== edit: {name}\n{old}\n=== with\n{new}\n=== end\n"


GROWN = edit(LAST, f"{LAST}\n\n{STEP_4.rstrip()}")


@pytest.fixture
def rig(tmp_path, monkeypatch: pytest.MonkeyPatch, standin: StandIn) -> Rig:  # type: ignore[no-untyped-def]
    """A plan that was made, its first step done, and a requirement that is other since."""
    rig = Rig.make(tmp_path, monkeypatch)
    (rig.root / "prompt_plan.md").unlink()
    (rig.root / "todo.md").unlink()
    rig.write("piste.toml", 'model = "chat-ok"\nretries = 0\ntest = "sh check.sh"\n')
    rig.write("spec.md", SPEC)
    answer(standin)
    make(rig)
    make(rig, "todo")
    assert rig.read("prompt_plan.md") == PLAN
    assert done.main(["1"]) == 0
    rig.commit()
    rig.write("spec.md", SPEC.replace("counts words", "counts words and lines"))
    return rig


def answer(standin: StandIn, *plans: str, todo: str = TODO) -> None:
    """Answer with the plan and the todo list, and with these replies where edits are asked for."""
    left = list(plans)

    def script(request: Request) -> str:
        if "todo.md" in request.prompt.rsplit("\n", 1)[-1] or "for todo.md" in request.prompt:
            return todo
        return left.pop(0) if left else PLAN

    standin.reply(script)


def make(rig: Rig, name: str = "plan", **options: bool) -> Outcome:
    world = rig.world()
    return makers.make(world, world.rules[name], **options)


def state(rig: Rig, name: str = "plan") -> str:
    world = rig.world()
    return makers.decide(world, world.rules[name]).state


def step(text: str, number: int) -> str:
    """A step of a plan, with its marks."""
    start = text.index(f"## Step {number}")
    end = text.find("\n## ", start)
    return text[start : end if end > 0 else len(text)].rstrip()


def test_what_changes_for_a_finished_step_is_a_new_step(
    rig: Rig, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rig.read("prompt_plan.md")
    answer(standin, GROWN)
    assert make(rig).said.startswith("prompt_plan.md amended by chat-ok")
    asked = standin.requests[-1].prompt
    assert (
        "have been carried out, and the code is as they left it:\n\n- step 1 Count words\n" in asked
    )
    assert rig.read("prompt_plan.md") == before.rstrip() + "\n\n" + STEP_4
    assert rig.states() == ["done", "open", "open", "open"]
    assert steps.main([]) == 0
    assert "1     done" in capsys.readouterr().out
    assert (state(rig), make(rig).event) == (FRESH, "kept")


TOUCHED = {
    "its prompt": edit("Write count.txt.", "Write counts.txt."),
    "its title": edit("## Step 1: Count words", "## Step 1: Count words and lines"),
    "taken out": edit("## Step 1: Count words\n\n```text\nWrite count.txt.\n```", ""),
    "a line more": edit("Write count.txt.", "Write count.txt.\nAnd lines."),
}


@pytest.mark.parametrize("how", TOUCHED)
def test_edits_that_touch_it_go_back_once_with_the_reason(
    rig: Rig, standin: StandIn, how: str
) -> None:
    before = rig.read("prompt_plan.md")
    answer(standin, TOUCHED[how], GROWN)
    make(rig)
    again = standin.requests[-1].prompt
    assert "An earlier reply to this could not be used: an edit changes step 1 Count words" in again
    assert step(rig.read("prompt_plan.md"), 1) == step(before, 1)
    assert rig.states() == ["done", "open", "open", "open"]


def test_after_two_the_plan_stands(rig: Rig, standin: StandIn) -> None:
    before = rig.read("prompt_plan.md")
    answer(standin, TOUCHED["its prompt"], TOUCHED["its title"])
    with pytest.raises(Failed, match="twice: an edit changes step 1 Count words"):
        make(rig)
    assert rig.read("prompt_plan.md") == before


OTHER = PLAN.replace("Write count.txt.", "Write count.txt, of lines.").replace("print", "show")


@pytest.mark.parametrize(
    "reply",
    [OTHER, f"```markdown\n{OTHER}```\n", f"=== file: prompt_plan.md\n{OTHER}=== end\n",
     OTHER.replace("Step 1: Count words", "Step 1: Counting"),
     OTHER.replace("## Step 1: Count words\n\n```text\nWrite count.txt, of lines.\n```\n\n", "")],
)  # fmt: skip
def test_in_a_whole_plan_it_is_put_back(rig: Rig, standin: StandIn, reply: str) -> None:
    before = rig.read("prompt_plan.md")
    answer(standin, reply)
    assert "written whole in place of edits" in make(rig).said
    after = rig.read("prompt_plan.md")
    assert step(after, 1) == step(before, 1)
    assert after.count("## Step 1") == 1
    assert step(after, 3) == step(OTHER, 3)
    assert (rig.states(), state(rig)) == (["done", "open", "open"], FRESH)


def test_a_whole_plan_that_gives_its_number_to_another_is_refused(
    rig: Rig, standin: StandIn
) -> None:
    renumbered = "# T\n\n## Step 1: Show\n\n```text\nDraw a picture.\n```\n"
    answer(standin, renumbered, GROWN)
    make(rig)
    assert "step 1 Count words has to stay as it is" in standin.requests[-1].prompt


WHOLE = {
    "again": ({"again": True}, ""),
    "the setting": ({}, "amend = false\n"),
    "so much is other": ({}, "amend_limit = 1\n"),
    "so often": ({}, "amend_times = 0\n"),
    "another model": ({}, 'model = "chat-500x1"\n'),
}


@pytest.mark.parametrize("how", WHOLE)
def test_where_the_plan_is_written_whole_it_stays_too(rig: Rig, standin: StandIn, how: str) -> None:
    options, line = WHOLE[how]
    before = rig.read("prompt_plan.md")
    head = "" if "model" in line else 'model = "chat-ok"\n'
    rig.write("piste.toml", f"{head}retries = 0\n{line}")
    answer(standin, OTHER)
    assert "prompt_plan.md made by" in make(rig, **options).said
    asked = standin.requests[-1].prompt
    assert "- step 1 Count words\n" in asked
    assert "=== edit" not in asked
    after = rig.read("prompt_plan.md")
    assert (step(after, 1), step(after, 3)) == (step(before, 1), step(OTHER, 3))
    assert (state(rig), make(rig).event) == (FRESH, "kept")
    assert receipts.read(rig.root, "prompt_plan.md").amended == 0  # type: ignore[union-attr]


def test_an_older_plan_from_the_store_has_it_too(rig: Rig, standin: StandIn) -> None:
    answer(standin, edit("Write sum.txt.", "Write sums.txt."))
    make(rig)
    assert done.main(["2", "--untested"]) == 0
    grown = rig.read("prompt_plan.md")
    rig.write("spec.md", SPEC)
    assert make(rig).event == "taken"  # the first reply, of when step 2 was not done
    assert step(rig.read("prompt_plan.md"), 2) == step(grown, 2)
    assert (rig.states(), state(rig)) == (["done", "done", "open"], FRESH)
    assert make(rig).event == "kept"


def test_a_step_that_a_person_has_marked_is_finished_too(rig: Rig, standin: StandIn) -> None:
    rig.write("prompt_plan.md", rig.read("prompt_plan.md").replace("Sum them", "Sum them ✅"))
    answer(standin, edit("Write sum.txt.", "Write sums.txt."), GROWN)
    make(rig)
    assert "an edit changes step 2 Sum them" in standin.requests[-1].prompt


def test_one_that_was_edited_since_is_the_persons(rig: Rig, standin: StandIn) -> None:
    mine = rig.read("prompt_plan.md").replace("Write count.txt.", "Write count.txt, well.")
    rig.write("prompt_plan.md", mine)
    assert rig.states() == ["changed", "open", "open"]
    answer(standin, edit("Write count.txt, well.", "No."), GROWN)
    make(rig, amend=True)
    assert "an edit changes step 1 Count words" in standin.requests[-1].prompt
    assert rig.read("prompt_plan.md") == mine.rstrip() + "\n\n" + STEP_4
    assert rig.states() == ["changed", "open", "open", "open"]


def test_a_kill_between_target_and_receipt_costs_nothing(rig: Rig, standin: StandIn) -> None:
    old = rig.read(".piste/receipts/prompt_plan.md.json")
    answer(standin, OTHER)
    make(rig)
    after, asked = rig.read("prompt_plan.md"), len(standin.requests)
    rig.write(".piste/receipts/prompt_plan.md.json", old)
    assert make(rig).event == "adopted"
    assert (rig.read("prompt_plan.md"), len(standin.requests)) == (after, asked)


def test_run_all_goes_on_with_what_is_new(rig: Rig, standin: StandIn) -> None:
    answer(standin, GROWN)
    make(rig)
    rig.commit()
    rig.agent(GOOD)
    rig.use(test="true")
    assert rig.piste("--all") == 0
    assert rig.calls() == ["2 first", "3 first", "4 first"]
    assert rig.states() == ["done"] * 4


# The todo list follows ---------------------------------------------------------------------------

SECTION = "\n## Step 4: Count lines too\n\n- [ ] count lines\n"
LAST_ITEM = "- [ ] print.txt"


@pytest.fixture
def grown(rig: Rig, standin: StandIn) -> Rig:
    """The same with the plan amended: step 4 is new, step 2 says something else."""
    answer(standin, GROWN + edit("Write sum.txt.", "Write sums.txt."))
    make(rig)
    return rig


def test_sections_of_unchanged_steps_stay_and_so_do_ticks(grown: Rig, standin: StandIn) -> None:
    before = grown.read("todo.md")
    assert "- [x] count.txt" in before
    answer(standin, todo=edit(LAST_ITEM, f"{LAST_ITEM}\n{SECTION.rstrip()}", "todo.md"))
    make(grown, "todo")
    assert grown.read("todo.md") == before + SECTION
    assert state(grown, "todo") == FRESH


@pytest.mark.parametrize(
    "reply",
    [
        edit("- [ ] its test", "- [ ] a test of it", "todo.md")
        + edit("- [ ] sum.txt", "- [ ] sums.txt", "todo.md"),
        TODO.replace("its test", "a test of it").replace("] sum.txt", "] sums.txt"),
    ],
)
def test_what_a_model_says_otherwise_there_is_put_back(
    grown: Rig, standin: StandIn, reply: str
) -> None:
    before = grown.read("todo.md")
    answer(standin, todo=reply)
    make(grown, "todo")
    after = grown.read("todo.md")
    assert step(after, 1) == step(before, 1)
    assert step(after, 3) == step(before, 3)
    assert "- [ ] sums.txt" in after  # step 2 is another one
    assert state(grown, "todo") == FRESH


# A plan that a person brought --------------------------------------------------------------------

FORMS = {
    "bold": ("**Step 1: A**\n\nDo a.\n\n**Step 2: B**\n\nDo b.\n", "**Step 3: C**\n\nDo c.\n"),
    "prompts": (
        "### Prompt 1: A\n\n```text\nDo a.\n```\n\n### Prompt 2: B\n\n```text\nDo b.\n```\n",
        "### Prompt 3: C\n\n```text\nDo c.\n```\n",
    ),
    "comments": (
        "<!-- step 1: A -->\nDo a.\n<!-- /step -->\n\n<!-- step 2: B -->\nDo b.\n<!-- /step -->\n",
        "<!-- step 3: C -->\nDo c.\n<!-- /step -->\n",
    ),
    "a list": ("- [ ] 1. Do a.\n- [ ] 2. Do b.\n", "- [ ] 3. Do c.\n"),
}
OWN_FORM = "## Step 3: C\n\n```text\nDo c.\n```\n"  # of our order


@pytest.mark.parametrize("form", FORMS)
def test_a_plan_of_another_form_is_amended_in_its_own(
    rig: Rig, standin: StandIn, form: str
) -> None:
    text, more = FORMS[form]
    old = text[text.rindex("\n", 0, text.index("Do b.")) + 1 :].rstrip()
    brought = f"# Mine\n\nAs I want it.\n\n{text.rstrip()}\n"
    rig.write("prompt_plan.md", brought)
    for name in (".piste/receipts/prompt_plan.md.json", ".piste/receipts/steps/1.json"):
        (rig.root / name).unlink()
    ours, theirs = (edit(old, f"{old}\n{step.rstrip()}") for step in (OWN_FORM, more))
    answer(standin, ours, theirs)
    make(rig, amend=True)
    again = standin.requests[-1].prompt
    assert "An earlier reply to this could not be used: " in again
    assert "have the form" in again
    assert rig.read("prompt_plan.md") == f"{brought}{more}"
    assert len(rig.states()) == 3


DAMAGED = {
    "no UTF-8": (b"# P\n\n\xff\xfe\n", "is not UTF-8"),
    "a conflict": (
        b"# P\n\n<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n",
        "line 3 is a conflict marker",
    ),
    "no plan": (b"# P\n\nWords.\n", "cannot be amended as it stands: no step with a prompt"),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_what_is_damaged_is_not_asked_about(rig: Rig, standin: StandIn, how: str) -> None:
    data, said = DAMAGED[how]
    (rig.root / "prompt_plan.md").write_bytes(data)
    asked = len(standin.requests)
    with pytest.raises(UserError, match=said):
        make(rig, amend=True)
    assert (rig.root / "prompt_plan.md").read_bytes() == data
    assert len(standin.requests) == asked


def test_a_damaged_record_stops_it_before_anything_is_paid(rig: Rig, standin: StandIn) -> None:
    rig.write(".piste/receipts/steps/1.json", "{")
    asked = len(standin.requests)
    with pytest.raises(UserError, match=r"steps/1.json is damaged"):
        make(rig)
    assert len(standin.requests) == asked


def test_what_a_gone_requirement_built_is_removed_by_a_step(rig: Rig, standin: StandIn) -> None:
    removes = "## Step 4: Remove counting\n\n```text\nRemove what step 1 built, and its test.\n```"
    rig.write("spec.md", SPEC.replace("1. It counts words.\n", ""))
    answer(standin, edit(LAST, f"{LAST}\n\n{removes}"))
    make(rig)
    asked = standin.requests[-1].prompt
    assert (
        "Where a requirement is gone that such a step has built, the new step removes it" in asked
    )
    assert "\n-1. It counts words.\n" in asked
    assert rig.states() == ["done", "open", "open", "open"]
