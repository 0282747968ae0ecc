import os
from pathlib import Path

import pytest

from piste.bundle import assembly
from piste.bundle.assembly import Piece, copy, equal, plan

NAMES = [b"a", b"b", b"c", b"d", b"e"]
STARTS = [100, 110, 110, 130, 160]  # of the old bundle's blocks; the second is not packed
LENGTHS = [10, 0, 20, 30, 5]


@pytest.mark.parametrize(
    ("kept", "pieces", "batches"),
    [
        ([0, 1, 2, 3, 4], [Piece(offset=100, length=65)], []),
        ([-1] * 5, [Piece(batch=0)], [NAMES]),
        ([0, 1, -1, 3, 4], [Piece(offset=100, length=10), Piece(batch=0),
                            Piece(offset=130, length=35)], [[b"c"]]),
        ([-1, 1, 2, 3, -1], [Piece(batch=0), Piece(offset=110, length=50), Piece(batch=1)],
         [[b"a"], [b"e"]]),
        ([0, 1, 3, 4, -1], [Piece(offset=100, length=10), Piece(offset=130, length=35),
                            Piece(batch=0)], [[b"e"]]),
    ],
)  # fmt: skip
def test_what_stands_is_copied_in_stretches_and_the_rest_is_made(
    kept: list[int], pieces: list[Piece], batches: list[list[bytes]]
) -> None:
    assert plan(NAMES, kept, STARTS, LENGTHS) == (pieces, batches)


def test_many_names_to_make_are_divided() -> None:
    names = [b"%d" % n for n in range(200)]

    planned = plan(names, [-1] * 200, [], [])

    assert [name for batch in planned.batches for name in batch] == names
    assert len(planned.pieces) == len(planned.batches) > 1


def test_a_stretch_is_copied_to_a_file_and_to_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"0123456789")
    source = os.open(tmp_path / "old", os.O_RDONLY)
    target = os.open(tmp_path / "new", os.O_RDWR | os.O_CREAT)
    reader, writer = os.pipe()

    copy(source, 2, 5, target)
    copy(source, 2, 5, writer)

    assert os.pread(target, 99, 0) == os.read(reader, 99) == b"23456"
    with pytest.raises(OSError, match="shorter than it was"):
        copy(source, 8, 5, target)
    for fd in (source, target, reader, writer):
        os.close(fd)


def test_where_the_kernel_cannot_copy_it_is_copied_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "copy_file_range", raising=False)

    test_a_stretch_is_copied_to_a_file_and_to_a_pipe(tmp_path)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(b"", b"", True), (b"ab", b"ab", True), (b"ab", b"ac", False), (b"a", b"ab", False)],
)
def test_files_are_compared_by_their_bytes(
    tmp_path: Path, one: bytes, other: bytes, same: bool
) -> None:
    (tmp_path / "1").write_bytes(one)
    (tmp_path / "2").write_bytes(other)
    with (tmp_path / "1").open("rb") as first, (tmp_path / "2").open("rb") as second:
        assert equal(first.fileno(), second.fileno()) is same


def test_a_scratch_file_has_no_name(tmp_path: Path) -> None:
    with assembly.scratch(str(tmp_path)) as fd:
        os.write(fd, b"x")
        assert not [path for path in tmp_path.iterdir() if "piste" in path.name]
