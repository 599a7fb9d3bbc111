"""The data folder: made once, private, refused in words where it can't be used."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from fsm.errors import FolderUnusable
from fsm.supervise import filesystem, kernel
from fsm.supervise.folder import DataFolder


def test_looking_at_one_that_does_not_exist_makes_nothing(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "a" / "b")
    assert not folder.exists
    assert folder.job_folders() == []
    assert folder.run_numbers("job") == []
    assert folder.armings("job", 1) == []
    with pytest.raises(FolderUnusable, match="no data folder"):
        _ = folder.id
    assert list(tmp_path.iterdir()) == []


def test_created_private_and_the_same_again(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "a" / "data")
    folder.create()
    assert folder.exists
    assert stat.S_IMODE(os.stat(folder.path).st_mode) == 0o700
    assert stat.S_ISFIFO(os.stat(folder.poke).st_mode)
    first = folder.id
    assert len(first) == 16
    int(first, 16)
    DataFolder(folder.path).create()
    assert DataFolder(folder.path).id == first
    assert sorted(path.name for path in Path(folder.path).iterdir()) == ["id", "locks", "poke", "runs"]


def test_two_who_create_it_at_once_agree(tmp_path: Path) -> None:
    for number in range(20):
        folders = [DataFolder(tmp_path / str(number)) for _ in range(4)]
        threads = [threading.Thread(target=folder.create) for folder in folders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({folder.id for folder in folders}) == 1


def test_a_damaged_id(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.create()
    Path(folder.path, "id").write_text("nonsense\n")
    with pytest.raises(FolderUnusable, match="16 hex digits"):
        _ = DataFolder(tmp_path).id


def test_it_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(FolderUnusable, match=r"exists|not a folder"):
        DataFolder(tmp_path / "data").create()
    with pytest.raises(FolderUnusable, match="not a folder"):
        DataFolder(tmp_path / "data").check()


def test_it_belongs_to_someone_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(FolderUnusable, match="belongs to user"):
        DataFolder(tmp_path).check()


def test_everybody_may_write_to_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(FolderUnusable, match="chmod 700"):
        DataFolder(tmp_path).check()


def test_it_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object, **__: object) -> int:
        raise OSError(30, "Read-only file system")

    folder = DataFolder(tmp_path)
    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(FolderUnusable, match="Read-only file system"):
        folder.check()


@pytest.mark.parametrize(("magic", "name"), [(0x6969, "NFS"), (0xFF534D42, "CIFS"), (0x01021997, "9P")])
def test_network_file_systems_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, magic: int, name: str
) -> None:
    monkeypatch.setattr(filesystem, "file_system_magic", lambda path: magic)
    with pytest.raises(FolderUnusable, match=f"network file system.*{name}"):
        DataFolder(tmp_path).check()


def test_the_magic_of_a_real_file_system() -> None:
    assert kernel.file_system_magic("/proc") == 0x9FA0


def test_locks_that_do_not_work_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystem, "lock_open_file", lambda fd: True)  # everybody gets it
    with pytest.raises(FolderUnusable, match="flock"):
        DataFolder(tmp_path).check()
    assert list(tmp_path.iterdir()) == [], "the probe is gone"


def test_the_channel_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "poke").write_text("")
    with pytest.raises(FolderUnusable, match="not a FIFO"):
        DataFolder(tmp_path).create()


def test_paths(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.create()
    assert folder.slot_lock("Backup") == folder.slot_lock("backup") != folder.slot_lock("backup2")
    assert len(os.path.basename(folder.slot_lock("x" * 100))) == 37
    assert folder.run_folder("ä b", 42) == str(tmp_path / "runs" / "ä b" / "42")
    assert folder.arming_file("j", 1, "abc") == str(tmp_path / "runs" / "j" / "1" / "abc.arming")
    assert folder.mailbox("j", 1, "abc").endswith("/abc.stop")
    assert folder.token("abc") == f"{folder.id}-abc"
    for nonce in ("", "../x", "a/b", "x" * 65):
        with pytest.raises(ValueError, match="no nonce"):
            folder.arming_file("j", 1, nonce)


def test_what_lies_there(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.create()
    for number in ("1", "10", "9", "x", "-1"):
        os.makedirs(os.path.join(folder.runs, "job", number))
    for name in ("a.arming", "a.stop", "b.arming", "out.0"):
        Path(folder.run_folder("job", 9), name).touch()
    assert folder.job_folders() == ["job"]
    assert folder.run_numbers("job") == [1, 9, 10]
    assert folder.armings("job", 9) == ["a", "b"]
