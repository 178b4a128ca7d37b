"""Which runner the machine gets: the image's own or GitHub's archive, whose files it is, and what stays unchanged."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import os
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from refresh.agent import environment, installation
from refresh.agent.installation import NotInstalled, install
from refresh.agent.users import User
from tests.fakes.serving import Serving
from tests.security.wire import Listener, answer, certificate
from tests.unit.agent.programs import BUILDER, ROOT, needs_root, program, public_path, settings, tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.agent.settings import Settings

__all__ = ["public_path"]

VERSION = "2.335.1"


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "ENVIRONMENT_FILE", str(tmp_path / "environment"))
    monkeypatch.setattr(installation, "IMAGE_RUNNER", str(tmp_path / "opt"))
    monkeypatch.setattr(installation, "UNPACKED", str(tmp_path / "unpacked"))
    monkeypatch.setattr(installation, "homes", lambda: ["/root", "", "/home/someone"])
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="x86_64"))
    monkeypatch.delenv("RUNNER_HOME", raising=False)
    monkeypatch.setenv("no_proxy", "*")


def _image(folder: Path, config: str = f"echo {VERSION}") -> Path:
    """Write a runner."""
    for name in ("bin/Runner.Listener", "externals/node20/bin/node", "run.sh"):
        program(folder / name, "exit 0")
    program(folder / "config.sh", config)
    (folder / "run.sh.template").touch()
    return folder


class Archives(Serving):
    """A server of archives: it answers with each of these in turn, and then with the last one. Without any it waits."""

    def __init__(self, *answers: bytes) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                if not answers:
                    self.rfile.read()
                    return
                self.wfile.write(answers[min(len(asked), len(answers)) - 1])

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))


def _archive(**more: bytes) -> bytes:
    """Pack a runner as GitHub does, for an owner of its own; `more` has contents by name."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:

        def add(name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o755, link: str = "", body: bytes = b"") -> None:
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.linkname, member.size = kind, mode, link, len(body)
            member.uid, member.gid, member.uname, member.gname = 1001, 127, "runner", "docker"
            archive.addfile(member, io.BytesIO(body))

        add("./", tarfile.DIRTYPE)
        add("./config.sh", body=b"#!/bin/bash\n")
        add("./bin/", tarfile.DIRTYPE)
        add("./bin/data.json", mode=0o644, body=b"{}")
        add("./bin/npm", tarfile.SYMTYPE, link="../config.sh")
        for name, body in more.items():
            add(name, body=body)
    return packed.getvalue()


def _wanted(url: str, sha256: str = "", version: str = VERSION) -> Settings:
    return settings(
        RUNNER_VERSION=version,
        RUNNER_URL_X64=f"{url}/x64",
        RUNNER_SHA256_X64=sha256,
        RUNNER_URL_ARM64=f"{url}/arm64",
        RUNNER_SHA256_ARM64=sha256,
    )


def _sum(archive: bytes) -> str:
    return hashlib.sha256(archive).hexdigest()


def _ok(archive: bytes) -> bytes:
    return answer("200 OK", archive)


NOT_NEEDED = "http://127.0.0.1:9"


class TestImage:
    def test_the_wanted_runner_of_the_image_is_used(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        image = _image(tmp_path / "opt")
        assert install(_wanted(NOT_NEEDED), ROOT) == str(image)
        assert capfd.readouterr().err.endswith(f"Z runner.found folder={image}\n")

    @pytest.mark.parametrize("named_by", ["environment", "file"])
    def test_runner_home_comes_before_the_usual_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named_by: str
    ) -> None:
        """A boot does not have the variables of /etc/environment."""
        _image(tmp_path / "opt")
        home = _image(tmp_path / "home")
        if named_by == "environment":
            monkeypatch.setenv("RUNNER_HOME", str(home))
            (tmp_path / "environment").write_text(f"RUNNER_HOME={tmp_path}/other\n")
        else:
            (tmp_path / "environment").write_text(f"RUNNER_HOME={tmp_path}/other\nRUNNER_HOME='{home}'\n")
        assert install(_wanted(NOT_NEEDED), ROOT) == str(home)

    def test_the_usual_folder_is_used_if_runner_home_has_another_version(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("RUNNER_HOME", str(_image(tmp_path / "home", "echo 2.0.0")))
        image = _image(tmp_path / "opt")
        assert install(_wanted(NOT_NEEDED), ROOT) == str(image)

    def test_root_may_ask_for_its_version_and_the_folder_is_where_it_runs(self, tmp_path: Path) -> None:
        image = _image(
            tmp_path / "opt",
            f"[[ $RUNNER_ALLOW_RUNASROOT$1 == 1--version && $PWD == {tmp_path}/opt ]] && echo {VERSION}",
        )
        assert install(_wanted(NOT_NEEDED), ROOT) == str(image)

    @pytest.mark.parametrize("state", ["other version", "no version", "not executable", "no program", "hangs"])
    def test_without_the_wanted_version_the_archive_is_downloaded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
    ) -> None:
        config = {"other version": "echo 2.0.0", "no version": "exit 1", "hangs": "exec sleep 1000"}
        image = _image(tmp_path / "opt", config.get(state, f"echo {VERSION}"))
        if state == "not executable":
            (image / "config.sh").chmod(0o644)
        if state == "no program":
            (image / "config.sh").write_bytes(b"#!/no/such/shell\n")
        if state == "hangs":
            monkeypatch.setattr(installation, "_VERSION_SECONDS", 0)
        with Archives(_ok(_archive())) as server:
            assert install(_wanted(server.url), ROOT) == str(tmp_path / "unpacked")
        assert (tmp_path / "unpacked" / "config.sh").exists()


class TestOwner:
    def test_the_user_may_add_files_but_not_change_the_runners_own(self, public_path: Path) -> None:
        needs_root()
        image = _image(public_path / "runner")
        for name in ("run-helper.sh", ".path", "_work/file"):
            program(image / name, "")
        (image / "_work" / "link").symlink_to(public_path)
        (public_path / "link").symlink_to("runner")
        folder = public_path / "link"
        (public_path / "environment").touch()
        assert installation._hand_over(str(folder), BUILDER) == str(folder)
        assert not (image / "run-helper.sh").exists()
        owners = {each.relative_to(image).as_posix(): each.lstat().st_uid for each in image.rglob("*")}
        builder = {".path", "_work", "_work/file", "_work/link"}
        assert owners == {each: BUILDER.uid if each in builder else 0 for each in owners}
        assert len(owners) == 13
        assert (image / "bin" / "Runner.Listener").stat().st_gid == 0
        state = image.stat()
        assert (state.st_uid, state.st_gid, state.st_mode & 0o7777) == (0, BUILDER.gid, 0o1770)
        assert public_path.stat().st_uid == 0

    def test_root_gets_the_image_as_it_is(self, tmp_path: Path) -> None:
        image = _image(tmp_path / "opt")
        (image / "run-helper.sh").touch()
        before = {each: each.lstat().st_mode for each in (image, *image.rglob("*"))}
        install(_wanted(NOT_NEEDED), ROOT)
        assert {each: each.lstat().st_mode for each in (image, *image.rglob("*"))} == before

    def test_a_downloaded_runner_is_handed_over_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        owned = _recorded(tmp_path, monkeypatch)
        with Archives(_ok(_archive())) as server:
            folder = install(_wanted(server.url), BUILDER)
        assert owned.read_text().splitlines()[0] == f"-R {BUILDER.uid}:{BUILDER.gid} {folder}"
        assert owned.read_text().splitlines()[2] == f"0 {folder}"
        assert Path(folder).stat().st_mode & 0o7777 == 0o1770

    def test_a_folder_that_cannot_be_handed_over_is_an_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Jobs could change the runner's programs."""
        _image(tmp_path / "opt")
        tool(tmp_path, monkeypatch, "chown", "exit 1")
        with pytest.raises(NotInstalled, match="chown"):
            install(_wanted(NOT_NEEDED), BUILDER)


def _recorded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Record what gets another owner, instead of changing it."""
    tool(folder, monkeypatch, "chown", f'echo "$@" >>{folder}/owned')
    return folder / "owned"


class TestHome:
    @pytest.mark.parametrize("home", ["images/opt", "images/opt/of", "linked/opt", "images/opt/missing"])
    def test_a_runner_in_a_home_is_copied_out_and_the_home_keeps_its_owner(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
    ) -> None:
        """Its owner could not log in any more, and a job could read private files."""
        image = _image(tmp_path / "images" / "opt")
        for name in (".ssh/id", ".env", ".hidden.sh", "run-helper.sh", "notes"):
            program(image / name, "")
        (tmp_path / "linked").symlink_to("images")
        monkeypatch.setenv("RUNNER_HOME", str(image))
        monkeypatch.setattr(installation, "homes", lambda: ["/root", str(tmp_path / home)])
        owned = _recorded(tmp_path, monkeypatch)
        before = image.stat().st_mode
        folder = Path(install(_wanted(NOT_NEEDED), BUILDER))
        assert folder == tmp_path / "unpacked"
        copied = {"bin", "externals", "config.sh", "run.sh", "run.sh.template", ".env"}
        assert {each.name for each in folder.iterdir()} == copied
        assert os.access(folder / "externals" / "node20" / "bin" / "node", os.X_OK)
        assert str(image) not in owned.read_text()
        assert (image / "run-helper.sh").exists()
        assert image.stat().st_mode == before

    @pytest.mark.parametrize("home", ["images", "images/opt2", "other"])
    def test_a_runner_beside_or_below_a_home_stays_where_it_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
    ) -> None:
        image = _image(tmp_path / "images" / "opt")
        monkeypatch.setenv("RUNNER_HOME", str(image))
        monkeypatch.setattr(installation, "homes", lambda: [str(tmp_path / home)])
        owned = _recorded(tmp_path, monkeypatch)
        assert install(_wanted(NOT_NEEDED), BUILDER) == str(image)
        assert f"0 {image}\n" in owned.read_text()

    def test_the_home_of_a_user_that_no_list_shows_is_left_alone_too(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Directories such as LDAP answer for one user, and list none."""
        image = _image(tmp_path / "opt")
        _recorded(tmp_path, monkeypatch)
        listed = User("builder", 1000, 1000, [1000], str(image))
        assert install(_wanted(NOT_NEEDED), listed) == str(tmp_path / "unpacked")

    def test_a_copy_that_fails_is_an_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        image = _image(tmp_path / "opt")
        tool(tmp_path, monkeypatch, "cp", "exit 1")
        with pytest.raises(NotInstalled, match="cp"):
            install(_wanted(NOT_NEEDED), User("builder", 1000, 1000, [1000], str(image)))


class TestDownload:
    @pytest.mark.parametrize(("machine", "path"), [("x86_64", "/x64"), ("aarch64", "/arm64"), ("arm64", "/arm64")])
    def test_the_archive_of_the_machine_is_unpacked_as_roots_with_its_permissions(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
        machine: str,
        path: str,
    ) -> None:
        monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=machine))
        archive = _archive()
        before = os.umask(0o077)
        try:
            with Archives(_ok(archive)) as server:
                assert install(_wanted(server.url, _sum(archive)), ROOT) == str(tmp_path / "unpacked")
        finally:
            os.umask(before)
        assert server.asked == [path]
        assert capfd.readouterr().err == ""
        unpacked = {
            each.relative_to(tmp_path / "unpacked").as_posix(): each.lstat()
            for each in (tmp_path / "unpacked").rglob("*")
        }
        assert {name: oct(state.st_mode & 0o777) for name, state in unpacked.items()} == {
            "config.sh": "0o755",
            "bin": "0o755",
            "bin/data.json": "0o644",
            "bin/npm": "0o777",
        }
        assert {state.st_uid for state in unpacked.values()} == {os.geteuid()}
        assert {state.st_gid for state in unpacked.values()} == {os.getegid()}
        assert (tmp_path / "unpacked").stat().st_mode & 0o7777 == 0o755
        assert not (tmp_path / "unpacked.tar.gz").exists()

    def test_an_archive_without_a_checksum_is_used_and_logged(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with Archives(_ok(_archive())) as server:
            install(_wanted(server.url), ROOT)
        assert capfd.readouterr().err.endswith("Z runner.unverified\n")
        assert (tmp_path / "unpacked" / "config.sh").exists()

    def test_no_archive_is_made_for_other_machines(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="riscv64"))
        with pytest.raises(NotInstalled, match="riscv64"):
            install(_wanted(NOT_NEEDED), ROOT)
        assert capfd.readouterr().err.endswith("Z runner.unavailable machine=riscv64\n")
        assert not (tmp_path / "unpacked").exists()

    @pytest.mark.parametrize(
        "broken", [answer("500 Oops"), answer("404 Not Found", b"no"), _ok(b"another archive"), b"", b"no HTTP\r\n\r\n"]
    )
    def test_a_failed_download_is_tried_again(
        self, tmp_path: Path, slept: list[float], capfd: pytest.CaptureFixture[str], broken: bytes
    ) -> None:
        archive = _archive()
        with Archives(broken, broken, broken, _ok(archive)) as server:
            install(_wanted(server.url, _sum(archive)), ROOT)
        lines = capfd.readouterr().err.splitlines()
        assert [each.split()[1:3] for each in lines] == [
            ["runner.download_failed", f"attempt={number}"] for number in (1, 2, 3)
        ]
        assert slept == [3, 3, 3]
        assert (tmp_path / "unpacked" / "config.sh").exists()

    def test_after_four_attempts_it_gives_up_and_leaves_no_archive(
        self, tmp_path: Path, slept: list[float], capfd: pytest.CaptureFixture[str]
    ) -> None:
        with (
            Archives(_ok(_archive())) as server,
            pytest.raises(NotInstalled, match="could not be downloaded in 4 attempts"),
        ):
            install(_wanted(server.url, _sum(b"another")), ROOT)
        assert len(server.asked) == 4
        assert len(slept) == 4
        assert f"instead of {_sum(b'another')}" in capfd.readouterr().err
        assert list((tmp_path / "unpacked").iterdir()) == []
        assert not (tmp_path / "unpacked.tar.gz").exists()

    @pytest.mark.usefixtures("slept")
    @pytest.mark.parametrize(
        "change",
        [
            lambda archive: archive[:100],
            lambda archive: archive[:-20],
            lambda archive: archive[:-8] + bytes(8),
            gzip.decompress,
            lambda _: b"<html>",
        ],
    )
    def test_an_incomplete_or_damaged_archive_is_not_used_even_without_a_checksum(
        self, change: Callable[[bytes], bytes]
    ) -> None:
        with Archives(_ok(change(_archive()))) as server, pytest.raises(NotInstalled):
            install(_wanted(server.url), ROOT)
        assert len(server.asked) == 4

    @pytest.mark.usefixtures("slept")
    @pytest.mark.parametrize("name", ["../outside", "./bin/../../outside", "{}/outside"])
    def test_an_archive_cannot_write_outside_its_folder(self, tmp_path: Path, name: str) -> None:
        with Archives(_ok(_archive(**{name.format(tmp_path): b"no"}))) as server, pytest.raises(NotInstalled):
            install(_wanted(server.url), ROOT)
        assert not (tmp_path / "outside").exists()

    def test_an_attempt_replaces_what_an_earlier_one_left(self, tmp_path: Path) -> None:
        (tmp_path / "unpacked" / "bin").mkdir(parents=True)
        (tmp_path / "unpacked" / "bin" / "npm").symlink_to("elsewhere")
        (tmp_path / "unpacked" / "config.sh").write_text("half")
        with Archives(_ok(_archive())) as server:
            install(_wanted(server.url), ROOT)
        assert (tmp_path / "unpacked" / "config.sh").read_text() == "#!/bin/bash\n"
        assert (tmp_path / "unpacked" / "bin" / "npm").readlink() == Path("../config.sh")

    def test_a_redirect_to_https_is_followed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate(tmp_path / "certificate")))
        with Listener(_ok(_archive()), tmp_path / "certificate") as secure:
            moved = answer("302 Found", Location=f"https://127.0.0.1:{secure.port}/archive")
            with Archives(moved) as server:
                install(_wanted(server.url), ROOT)
        assert len(secure.heard) == 1
        assert (tmp_path / "unpacked" / "config.sh").exists()

    @pytest.mark.usefixtures("slept")
    @pytest.mark.parametrize("scheme", ["http", "ftp", "file"])
    def test_a_redirect_to_anything_else_is_refused(self, capfd: pytest.CaptureFixture[str], scheme: str) -> None:
        """Others on the network could exchange an archive without a checksum."""
        with Archives(_ok(_archive())) as plain:
            moved = answer("302 Found", Location=f"{scheme}://127.0.0.1:{plain.port}/archive")
            with Archives(moved) as server, pytest.raises(NotInstalled):
                install(_wanted(server.url), ROOT)
        assert plain.asked == []
        assert len(server.asked) == 4
        assert "https" in capfd.readouterr().err or scheme != "http"

    @pytest.mark.usefixtures("slept")
    def test_a_download_that_takes_too_long_is_a_failed_attempt(
        self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Each packet may come in time, and the whole too late."""
        monkeypatch.setattr(installation, "_DOWNLOAD_SECONDS", -1)
        with Archives(_ok(_archive())) as server, pytest.raises(NotInstalled):
            install(_wanted(server.url), ROOT)
        assert capfd.readouterr().err.count("TimeoutError") == 4

    @pytest.mark.usefixtures("slept")
    def test_a_server_that_does_not_answer_is_a_failed_attempt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert installation._SERVER_SECONDS == 10
        assert installation._DOWNLOAD_SECONDS == 90
        monkeypatch.setattr(installation, "_SERVER_SECONDS", 0.01)
        with Archives() as server, pytest.raises(NotInstalled):
            install(_wanted(server.url), ROOT)

    def test_a_folder_that_cannot_be_made_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "unpacked").touch()
        with pytest.raises(NotInstalled, match="unpacked"):
            install(_wanted(NOT_NEEDED), ROOT)
