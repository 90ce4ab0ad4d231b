from __future__ import annotations

import ctypes
import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aemo_ops.store.splice import clone as subject
from aemo_ops.store.splice.clone import Cloned, clone, copy

CONTENT = os.urandom(3_000_017)
REFUSALS = ["EXDEV", "EOPNOTSUPP", "ENOSYS", "EINVAL", "ENOTTY"]


@pytest.fixture
def source(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "old"
    path.write_bytes(CONTENT)
    path.chmod(0o640)
    fd = os.open(path, os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new"


def refusing(code: int) -> Callable[..., int]:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(code, os.strerror(code))

    return refuse


def test_a_clone_has_the_bytes_and_permissions_of_the_file(source: int, target: Path) -> None:
    done = clone(source, target)
    assert target.read_bytes() == CONTENT
    assert target.stat().st_mode & 0o777 == 0o640
    assert done.way in ("reflink", "copy_file_range", "sendfile", "read-write")
    assert done.written == (0 if done.way == "reflink" else len(CONTENT))


def test_a_reflink_writes_nothing(source: int, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ficlone(old: int, new: int) -> None:
        os.write(new, os.pread(old, len(CONTENT), 0))

    monkeypatch.setattr(subject, "_ficlone", ficlone)
    assert clone(source, target, "linux") == Cloned("reflink", 0)


@pytest.mark.parametrize("name", REFUSALS)
def test_what_the_filesystem_cannot_is_done_in_the_next_best_way(
    source: int, target: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    refuse = refusing(getattr(errno, name))
    monkeypatch.setattr(subject, "_ficlone", refuse)
    ways = []
    for call, way in ((None, "copy_file_range"), ("_copy_file_range", "sendfile"), ("_sendfile", "read-write")):
        if call:
            monkeypatch.setattr(subject, call, refuse)
        target.unlink(missing_ok=True)
        done = clone(source, target, "linux")
        assert (done.way, done.written) == (way, len(CONTENT))
        assert target.read_bytes() == CONTENT
        ways.append(way)


def test_a_way_that_stops_early_is_gone_on_with(source: int, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_block(old: int, start: int, length: int, new: int) -> int:
        return os.write(new, os.pread(old, min(length, 1000), start)) if start < 5000 else 0

    monkeypatch.setattr(subject, "_ficlone", refusing(errno.EOPNOTSUPP))
    monkeypatch.setattr(subject, "_copy_file_range", one_block)
    assert clone(source, target, "linux").way == "sendfile"
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("call", ["_ficlone", "_copy_file_range", "_sendfile", "_read_write"])
@pytest.mark.parametrize("name", ["ENOSPC", "EIO", "EDQUOT"])
def test_a_full_disk_is_no_reason_to_try_another_way(
    source: int, target: Path, monkeypatch: pytest.MonkeyPatch, call: str, name: str
) -> None:
    calls = ["_ficlone", "_copy_file_range", "_sendfile", "_read_write"]
    for earlier in calls[: calls.index(call)]:
        monkeypatch.setattr(subject, earlier, refusing(errno.EOPNOTSUPP))
    monkeypatch.setattr(subject, call, refusing(getattr(errno, name)))
    with pytest.raises(OSError, match=os.strerror(getattr(errno, name))):
        clone(source, target, "linux")


def test_a_target_that_exists_is_not_overwritten(source: int, target: Path) -> None:
    target.write_bytes(b"somebody's")
    with pytest.raises(FileExistsError):
        clone(source, target)
    assert target.read_bytes() == b"somebody's"


def test_a_source_that_is_shorter_than_promised_is_an_error(source: int, target: Path) -> None:
    with target.open("wb") as file, pytest.raises(OSError, match="7 bytes early"):
        copy(source, 10, len(CONTENT) - 3, file.fileno())


def test_a_part_is_appended_where_the_target_stands(source: int, target: Path) -> None:
    with target.open("wb", buffering=0) as file:
        file.write(b"head")
        copy(source, 100, 5000, file.fileno())
    assert target.read_bytes() == b"head" + CONTENT[100:5100]


class FakeMac:
    """What macOS's libc would do, or its refusal."""

    def __init__(self, refusal: int | None = None) -> None:
        self.refusal = refusal
        self.calls: list[tuple[int, int, bytes, int]] = []

    def fclonefileat(self, source: int, folder: int, target: bytes, flags: int) -> int:
        self.calls.append((source, folder, target, flags))
        if self.refusal is not None:
            ctypes.set_errno(self.refusal)
            return -1
        Path(os.fsdecode(target)).write_bytes(os.pread(source, len(CONTENT), 0))
        return 0


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> Callable[[FakeMac], FakeMac]:
    def install(fake: FakeMac) -> FakeMac:
        monkeypatch.setattr(subject, "_library", lambda: fake)
        for call in ("_ficlone", "_copy_file_range", "_sendfile"):
            monkeypatch.setattr(subject, call, refusing(errno.ENOSYS))
        return fake

    return install


def test_apfs_clones_by_one_call(source: int, target: Path, mac: Callable[[FakeMac], FakeMac]) -> None:
    fake = mac(FakeMac())
    assert clone(source, target, "darwin") == Cloned("reflink", 0)
    assert target.read_bytes() == CONTENT
    assert fake.calls == [(source, -2, os.fsencode(target), 0)]  # AT_FDCWD of macOS; no flags


@pytest.mark.parametrize("refusal", [errno.ENOTSUP, errno.EXDEV, errno.EINVAL])
def test_a_mac_s_other_filesystems_get_a_plain_copy(
    source: int, target: Path, mac: Callable[[FakeMac], FakeMac], refusal: int
) -> None:
    mac(FakeMac(refusal))
    assert clone(source, target, "darwin") == Cloned("read-write", len(CONTENT))
    assert target.read_bytes() == CONTENT


def test_a_full_apfs_says_so(source: int, target: Path, mac: Callable[[FakeMac], FakeMac]) -> None:
    mac(FakeMac(errno.ENOSPC))
    with pytest.raises(OSError, match="No space left"):
        clone(source, target, "darwin")
    assert not target.exists()


@pytest.fixture
def xfs(tmp_path: Path) -> Iterator[Path]:
    """A filesystem with reflinks, mounted from a file."""
    if os.geteuid() != 0 or shutil.which("mkfs.xfs") is None:
        pytest.skip("needs root and mkfs.xfs (package xfsprogs)")
    image, folder = tmp_path / "xfs.img", tmp_path / "xfs"
    with image.open("wb") as file:
        file.truncate(320 << 20)
    folder.mkdir()
    subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", str(image)], check=True, capture_output=True)
    mounted = subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip(f"mount was refused: {mounted.stderr.decode()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_xfs_shares_the_blocks(source: int, xfs: Path) -> None:
    big = xfs / "big"
    with big.open("wb") as file:
        for _ in range(40):
            file.write(CONTENT)
    fd = os.open(big, os.O_RDONLY)
    try:
        free = os.statvfs(xfs).f_bavail
        assert clone(fd, xfs / "clone") == Cloned("reflink", 0)
        assert (free - os.statvfs(xfs).f_bavail) * os.statvfs(xfs).f_frsize < 10 << 20
        assert (xfs / "clone").stat().st_size == 40 * len(CONTENT)
        assert clone(source, xfs / "from outside").written == len(CONTENT)
    finally:
        os.close(fd)
