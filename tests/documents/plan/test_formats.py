"""Which lines of a plan are its steps: one small plan for each form met in real ones."""

import pytest

from piste.documents.plan import Plan, mark_done, parse, strip_marks
from piste.documents.plan import formats as forms


def _titles(plan: Plan) -> list[tuple[str, str]]:
    return [(step.id, step.title) for step in plan.steps]


HEADINGS = """\
# A plan

## Phase 1: Base

### Prompt 1: Users
{fence}
Make users.
```

### Prompt 2: Posts
{fence}
Make posts.
```
"""
OUTLINE_FIRST = """\
## Phases

### Phase 1: Base

#### Step 1: Users
#### Step 2: Posts

## Details

### Step 1: Users
- a table
### Step 2: Posts
- a table

## Prompts

### Prompt 1: Users
```
Make users.
```

### Prompt 2: Posts
```
Make posts.
```
"""
SAME_TITLES_TWICE = """\
## Step 1: Users
short
## Step 2: Posts
short

# In detail

## Step 1: Users
```text
Make users.
```
## Step 2: Posts
```text
Make posts.
```
"""
PROMPTS_THEN_A_LIST = """\
## Step 1: Users
```text
Make users.
```
## Step 2: Posts
```text
Make posts.
```
# Once more
## Step 1: Users
## Step 2: Posts
"""
RESTARTING = """\
# Phase 1
### Step 1: Users
a
### Step 2: Posts
b
# Phase 2
### Step 1: Search
c
"""
BOLD = """\
*   **Step 1.1**: Users
*   **Step 1.2**: Posts

## **Prompts for Step 1.1: Users**

**Prompt 1.1.1:**

```text
Make users.
```

**Prompt 1.1.2:**

```text
Test users.
```
"""
PLAIN = """\
Phase 1: Base
Step 1.1: Users
Step 1.2: Posts
Prompts
Prompt 1: Users

Make users. Prompt 2 builds on it.
Prompt 2: Posts

Make posts.
"""
ONE_FENCE_OPEN = """\
### **Prompt 1: Users**
```text
Make users.

Prompt 2: Posts
Make posts.

Prompt 3: Search
Make search.
"""
TITLES_IN_FENCES = """\
# Phase 1

```text
PROMPT 1/2: Users ✅ COMPLETED

Make users.
```

---

```text
PROMPT 2/2: Posts

Make posts.
```
"""
TITLES_OVER_AND_IN = """\
### 1. **Users**

```text
# Step 01 – User table
Make users.
```

### 2. **Posts**

```text
# Step 02 – Post table
Make posts.
```
"""
ONLY_FENCES = """\
## Users
```text
Make users.
```
```text
Make posts.
```
"""
FENCES_UNDER_PLAIN_HEADINGS = """\
### Users
```
Make users.
```
### Posts
```
Make posts.
```
"""
UNTITLED_FENCES_IN_PHASES = """\
## Phase 1: Base

```text
Make users.
```

```text
Make posts.
```

## Phase 2: More

```text
Make search.
```
"""
HTML = """\
<details>
<summary>Prompt 1</summary>

```markdown
Make users.
```
</details>

<details>
<summary>Prompt 2</summary>

```markdown
Make posts.
```
</details>
"""
OTHER_LANGUAGES = """\
### 📁 1. Users
```python
Make users.
```
### 🔁 2. Posts
```python
Make posts.
```
"""
NUMBERED = """\
## Goals
- speed

## Tasks
1. ✅ Users
2. Posts
   with tags
3. ☐ Search

## Open questions
1. Why?
"""
NUMBERED_WITH_FENCES = """\
1. **Users**
```prompt
Make users.

2. **Posts**

```prompt
Make posts.
```

3. **Search**

```prompt
Make search.
```
"""
CHECK_LIST = """\
## Later
- [x] Users
  - [x] a table
- [ ] Posts
"""
CHECKED_STEPS = """\
### Phase 1
- [x] Step 1: Users
- [ ] Step 2: Posts
### Phase 2
- [ ] Step 3: Search
"""
STEPS_IN_TASKS = """\
### Task 1: Users
- [ ] **Step 1: Write a test**
- [ ] **Step 2: Run it**
### Task 2: Posts
- [ ] **Step 1: Write a test**
- [ ] **Step 2: Run it**
"""
STEPS_UNDER_TASKS = "".join(
    f"## Task {n}: {title}\n### Step 1: test\na\n### Step 2: code\nb\n### Step 3: run\nc\n"
    for n, title in [(1, "Users"), (2, "Posts"), (3, "Search")]
)
CHUNKS_WITH_PROMPTS = """\
### Phase 1: Base
1. **Users**
2. **Posts**
### Phase 2: More
1. **Search**

## Prompts
### Chunk 1: Users
**Prompt**:
```
Make users.
```
### Chunk 2: Posts
**Prompt**:
```
Make posts.
```
"""
COARSE = """\
# Plan
## Phase 0 - Base
- a
## Phase 1 - More
- b
"""
FLIPPED_FENCES = """\
### Step 1: Users

```
Make users:
```json
{}
```
and so
```

### Step 2: Posts

```
Make posts.
```

### Step 3: Search

```
Make search.
```
"""
UNCLOSED_IN_THE_MIDDLE = """\
## Step 1: Users

```text
Make users.

## Step 2: Posts

```text
Make posts.
```

## Step 3: Search

```text
Make search.
```
"""
WRAPPED = """\
```markdown
# Plan
## Step 1: Users
```text
Make users.
```
## Step 2: Posts
```text
Make posts.
```
```
"""
NOT_WRAPPED = """\
```markdown
# Users
Make users.
```
```markdown
# Posts
Make posts.
```
"""
BEGINS_WITH_A_FENCE = "```\nMake users.\n```\n# Step 1: Users\na\n# Step 2: Posts\nb\n"
RUSSIAN = "## Промпт 0: Users\n\nA\n\n## Промпт 1: Posts\n\nB\n"
KOREAN = "## 1단계: Users\n\nA\n\n## 2단계: Posts\n\nB\n"

TAGS = """\
# Plan
<prompt id="1" title="Users">
Make users.
</prompt>

<prompt title='Posts' id='2'> ✅
Make posts:

```json
{}
```
</prompt>
"""
BARE_TAGS = """\
```xml
<plan>
  <step_1>
    <title>Users</title>
    Make users.
  </step_1>
  <step_2>
    ## Posts
    Make posts.
  </step_2>
</plan>
```
"""
TAGS_UNDER_TITLES = """\
## Step 1: Users
<prompt>
Make users.
</prompt>

## Step 2: Posts ✅

<prompt>
Make posts.
</prompt>
"""
TAGS_LEFT_OPEN = "<step>\n" * 3 + "</step>\n<prompt>Make users.</prompt>\n<prompt>\nMake posts.\n"

TWO = [("1", "Users"), ("2", "Posts")]
THREE = [*TWO, ("3", "Search")]


@pytest.mark.parametrize(
    ("text", "form", "titles"),
    [
        (HEADINGS.format(fence="```text"), "h3 prompt", TWO),
        (HEADINGS.format(fence="```"), "h3 prompt", TWO),
        (HEADINGS.format(fence="```text").replace("\n", "\r\n"), "h3 prompt", TWO),
        (HEADINGS.format(fence="").replace("```\n", ""), "h3 prompt", TWO),
        (OUTLINE_FIRST, "h3 prompt", TWO),
        (SAME_TITLES_TWICE, "h2 step", TWO),
        (SAME_TITLES_TWICE.replace("```text", "").replace("```", ""), "h2 step",
         [*TWO, ("1#2", "Users"), ("2#2", "Posts")]),
        (PROMPTS_THEN_A_LIST, "h2 step", TWO),
        (RESTARTING, "h3 step", [*TWO, ("1#2", "Search")]),
        (BOLD, "bold prompt", [("1.1.1", ""), ("1.1.2", "")]),
        (PLAIN, "plain prompt", TWO),
        (ONE_FENCE_OPEN, "h3+plain prompt", THREE),
        (TITLES_IN_FENCES, "fence prompt", [("1/2", "Users"), ("2/2", "Posts")]),
        (TITLES_OVER_AND_IN, "h3 number", TWO),
        (ONLY_FENCES, "fences", [("1", "Users"), ("2", "Make posts.")]),
        (FENCES_UNDER_PLAIN_HEADINGS, "fences", TWO),
        (UNTITLED_FENCES_IN_PHASES, "fences",
         [("1", "Phase 1: Base"), ("2", "Make posts."), ("3", "Phase 2: More")]),
        (HTML, "html prompt", [("1", ""), ("2", "")]),
        (OTHER_LANGUAGES, "h3 number", TWO),
        (NUMBERED, "list number", THREE),
        (NUMBERED_WITH_FENCES, "list number", THREE),
        (CHECK_LIST, "boxes", TWO),
        (CHECKED_STEPS, "list step", THREE),
        (STEPS_IN_TASKS, "h3 task", TWO),
        (STEPS_UNDER_TASKS, "h2 task", THREE),
        (CHUNKS_WITH_PROMPTS, "h3 chunk", TWO),
        (COARSE, "h2 phase", [("0", "Base"), ("1", "More")]),
        (FLIPPED_FENCES, "h3 step", THREE),
        (UNCLOSED_IN_THE_MIDDLE, "h2 step", THREE),
        (WRAPPED, "h2 step", TWO),
        (NOT_WRAPPED, "fences", TWO),
        (BEGINS_WITH_A_FENCE, "h1 step", TWO),
        (TAGS, "tags prompt", TWO),
        (BARE_TAGS, "tags step", TWO),
        (TAGS_UNDER_TITLES, "tags prompt", TWO),
        (RUSSIAN, "h2 prompt", [("0", "Users"), ("1", "Posts")]),
        (KOREAN, "h2 step", TWO),
    ],
)  # fmt: skip
def test_the_steps_are_found_in_each_form(
    text: str, form: str, titles: list[tuple[str, str]]
) -> None:
    plan = parse(text)
    assert (plan.form, _titles(plan)) == (form, titles)


@pytest.mark.parametrize(
    "text",
    ["", "\n", "Make users.\n\nMake posts.\n", "# A\n## B\n", "```text\nMake users.\n```\n",
     TAGS_LEFT_OPEN],
)  # fmt: skip
def test_where_the_form_says_nothing_no_step_is_guessed(text: str) -> None:
    plan = parse(text)
    assert (plan.form, plan.steps) == ("none", ())
    assert [problem.kind for problem in plan.problems] == ["no-steps"]
    assert "<!-- step 1: Title -->" in plan.why


@pytest.mark.parametrize("text", [TAGS, TAGS_UNDER_TITLES])
def test_a_tag_holds_the_prompt_and_its_title_the_mark(text: str) -> None:
    first, second = parse(text).steps
    assert (first.prompt, first.done, second.done) == ("Make users.", False, True)
    assert second.prompt.startswith("Make posts")
    assert "prompt>" not in second.prompt
    ticked = mark_done(text, "1")
    assert [step.done for step in parse(ticked).steps] == [True, True]
    assert strip_marks(ticked) == strip_marks(text)
    assert mark_done(ticked, "1", done=False) == text


def test_comments_settle_it_whatever_else_is_there() -> None:
    plan = parse(
        "### Prompt 1: no\n<!-- step 1: Users -->\nMake users.\n<!-- /step -->\nNot this.\n"
        "<!-- step 2: Posts ✅ -->\n```text\nMake posts.\n```\n"
    )
    assert plan.form == "markers"
    assert [(s.id, s.title, s.prompt, s.done) for s in plan.steps] == [
        ("1", "Users", "Make users.", False),
        ("2", "Posts", "Make posts.", True),
    ]


def test_it_says_in_plain_words_what_was_passed_over() -> None:
    assert parse(OUTLINE_FIRST).why == (
        "2 steps, from headings such as '### Prompt 1: Users'; also looks like steps and was "
        "passed over: 2 headings such as '### Step 1: Users' (line 10), 2 headings such as "
        "'#### Step 1: Users' (line 5), 1 heading '### Phase 1: Base' (line 3)"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# Step 1: A\n```\nx\n```\n# Step 2: B\n```\ny\n```\n",
         "2 steps, from headings such as '# Step 1: A'"),
        ("# Step 1: A\nDo it.\n", "1 step, from the heading '# Step 1: A'"),
        ("<!-- step 1: A -->\nx\n<!-- /step -->\n",
         "1 step, from the comment '<!-- step 1: A -->'"),
        ("**Step 1: A**\nx\n\n**Step 2: B**\ny\n",
         "2 steps, from bold lines such as '**Step 1: A**'"),
        ("- [ ] a\n- [ ] b\n", "2 steps, from items with a box such as '- [ ] a'"),
        (f"# Step 1: {'long ' * 20}\nx\n# Step 2: B\ny\n",
         "2 steps, from headings such as '# Step 1: long long long long long long…'"),
    ],
)  # fmt: skip
def test_it_says_in_plain_words_what_the_steps_were_read_from(text: str, why: str) -> None:
    assert parse(text).why == why


@pytest.mark.parametrize("text", [
    OUTLINE_FIRST, "1. A\n2. B\n3. C\n", "- [ ] a\n- [ ] b\n",
    "```prompt\nx\n```\n```prompt\ny\n```\n",
    "Step 1: A\nx\n\nStep 2: B\ny\n", "```text\nStep 1: A\nx\n```\n```text\nStep 2: B\ny\n```\n",
])  # fmt: skip
def test_no_name_that_the_parser_gives_a_form_reaches_a_person(text: str) -> None:
    plan = parse(text)
    said = "\n".join([plan.why, *(problem.text for problem in plan.problems)])
    names = [family.form for family in forms.find(forms.read(text))]
    assert names
    assert not [name for name in names if f"'{name}'" in said or f": {name}" in said]


@pytest.mark.parametrize(
    ("form", "found"),
    [("h4 step", "h4 step"), ("step", "h3 step"), ("phase", "h3 phase"), ("h3", "h3 prompt")],
)
def test_a_form_can_be_asked_for(form: str, found: str) -> None:
    assert parse(OUTLINE_FIRST, form).form == found


def test_a_form_that_is_not_there_gives_no_steps() -> None:
    plan = parse(OUTLINE_FIRST, "bold")
    assert plan.steps == ()
    assert [problem.kind for problem in plan.problems] == ["no-such-form"]
