"""Downloads from a server of this machine that does what bad servers do."""

import concurrent.futures
import hashlib
import http.server
import threading

import pytest

from zoo.pretrained import download

CONTENT = bytes(range(256)) * 1024  # 256 KiB
CUT = 5 * 2**14  # of which all arrives: whole chunks
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """The path says what happens; `server.seen` keeps the Range headers."""

    def do_GET(self):
        self.server.seen.append(self.headers.get("Range"))
        getattr(self, self.path.strip("/").replace(".zip", ""))()

    def _send(self, content, stated=None, begin=None):
        self.send_response(200 if begin is None else 206)
        self.send_header("Content-Length", str(len(content) if stated is None else stated))
        self.end_headers()
        self.wfile.write(content)

    def whole(self):
        self._send(CONTENT)

    def halting(self):
        """All of it, the second half a moment later."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(CONTENT[: len(CONTENT) // 2])
        self.wfile.flush()
        self.server.release.wait(0.2)
        self.wfile.write(CONTENT[len(CONTENT) // 2 :])

    def cut(self):
        """A part at a time, whatever is asked for, while more is promised."""
        begin = self.headers.get("Range")
        begin = int(begin.removeprefix("bytes=").rstrip("-")) if begin else None
        rest = CONTENT[begin or 0 :]
        self._send(rest[:CUT], stated=len(rest), begin=begin)

    def without_ranges(self):
        self._send(CONTENT[:CUT] if len(self.server.seen) == 1 else CONTENT, len(CONTENT))

    def nothing_more(self):
        """What servers say of a range that begins at the end of the file."""
        self.send_error(416) if self.headers.get("Range") else self._send(CONTENT)

    def dead(self):
        again = len(self.server.seen) > 1
        self._send(b"" if again else CONTENT[:CUT], len(CONTENT), CUT if again else None)

    def wrong(self):
        self._send(CONTENT[:-1] + b"x")

    def endless(self):
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(1 << 20):
                self.wfile.write(CONTENT)
        except OSError:
            self.server.stopped = True

    def missing(self):
        self.send_error(404)

    def no_range(self):
        self.send_error(416)

    def elsewhere(self):
        self.send_response(302)
        self.send_header("Location", "file:///etc/hostname")
        self.end_headers()

    def nowhere(self):
        self.send_response(302)
        self.send_header("Location", "http://[::1")
        self.end_headers()

    def login(self):
        """What a network says that wants a password first, then the file."""
        if len(self.server.seen) <= download._ATTEMPTS:
            self._send(b"<html>Log in</html>")
        else:
            self.later()

    def later(self):
        begin = self.headers.get("Range")
        begin = int(begin.removeprefix("bytes=").rstrip("-")) if begin else None
        self._send(CONTENT[begin or 0 :], begin=begin)

    def silent(self):
        self.server.release.wait(10)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.seen, found.release, found.stopped = [], threading.Event(), False
    found.daemon_threads = True
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    yield found
    found.release.set()
    found.shutdown()
    found.server_close()
    thread.join()


def fetched(server, path, folder, digest=DIGEST):
    url = f"http://127.0.0.1:{server.server_port}/{path}.zip"
    return download.fetch(url, folder / "got" / "model.zip", len(CONTENT), digest)


def left(folder):
    return [path.name for path in (folder / "got").iterdir()]


def test_a_file_comes_once(server, tmp_path):
    path = fetched(server, "whole", tmp_path)
    assert path.read_bytes() == CONTENT and left(tmp_path) == ["model.zip"]
    assert fetched(server, "whole", tmp_path) == path
    assert server.seen == [None]


def test_two_that_want_a_file_at_once_load_it_once(server, tmp_path):
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        paths = list(threads.map(lambda _: fetched(server, "halting", tmp_path), range(2)))
    assert paths[0].read_bytes() == CONTENT and paths[0] == paths[1]
    assert server.seen == [None] and left(tmp_path) == ["model.zip"]


def test_a_cut_download_goes_on_where_it_ended(server, tmp_path):
    assert fetched(server, "cut", tmp_path).read_bytes() == CONTENT
    assert server.seen == [None, *(f"bytes={i * CUT}-" for i in (1, 2, 3))]
    assert left(tmp_path) == ["model.zip"]


def test_a_server_without_ranges_sends_all_again(server, tmp_path):
    assert fetched(server, "without_ranges", tmp_path).read_bytes() == CONTENT
    assert server.seen == [None, f"bytes={CUT}-"]


def test_what_came_before_a_failure_is_used_by_the_next_call(server, tmp_path):
    with pytest.raises(download.Unreachable, match="cut after|ended after"):
        fetched(server, "dead", tmp_path)
    assert left(tmp_path) == [".model.zip.part"]
    server.seen.clear()
    assert fetched(server, "cut", tmp_path).read_bytes() == CONTENT
    assert server.seen[0] == f"bytes={CUT}-"


def test_a_file_that_was_whole_when_its_download_was_killed_is_taken(server, tmp_path):
    (tmp_path / "got").mkdir()
    (tmp_path / "got" / ".model.zip.part").write_bytes(CONTENT)
    assert fetched(server, "nothing_more", tmp_path).read_bytes() == CONTENT
    assert server.seen == [f"bytes={len(CONTENT)}-"] and left(tmp_path) == ["model.zip"]


def test_no_more_than_a_byte_too_many_is_written(server, tmp_path):
    url = f"http://127.0.0.1:{server.server_port}/endless.zip"
    download._receive(url, tmp_path / "part", len(CONTENT), last=True)
    assert (tmp_path / "part").stat().st_size == len(CONTENT) + 1


@pytest.mark.parametrize("path, error", [("wrong", "sha256"), ("endless", "sha256")])
def test_another_file_is_refused_and_not_kept(server, tmp_path, path, error):
    with pytest.raises(ValueError, match=error) as found:
        fetched(server, path, tmp_path)
    assert "\n" not in str(found.value) and left(tmp_path) == []


def test_what_another_file_has_left_is_overcome(server, tmp_path):
    with pytest.raises(download.Unreachable, match="ended after 19 bytes"):
        fetched(server, "login", tmp_path)
    assert fetched(server, "login", tmp_path).read_bytes() == CONTENT
    assert server.seen[-2:] == ["bytes=19-", None]


@pytest.mark.parametrize(
    "path, error",
    [
        ("missing", "404"),
        ("no_range", "The server says 416"),  # though no range was asked for
        ("elsewhere", "InvalidSchema.* of another kind"),
        ("nowhere", "no address, or the server leads to one that is none"),
    ],
)
def test_no_file_is_said_in_one_line(server, tmp_path, path, error):
    with pytest.raises(download.Unreachable, match=error) as found:
        fetched(server, path, tmp_path)
    assert "\n" not in str(found.value) and left(tmp_path) == []


@pytest.mark.parametrize(
    "url", ["http://", "http://[::1", "http://a..b/m.zip", "http://h:99999/", "http://" + "a" * 300]
)
def test_no_address_is_said_in_one_line(tmp_path, url):
    with pytest.raises(download.Unreachable, match="It is no address") as found:
        download.fetch(url, tmp_path / "m.zip", 1, DIGEST)
    assert "\n" not in str(found.value)


def test_messages_hold_no_password(tmp_path):
    for url in (
        "http://me:secret@127.0.0.1:9/m.zip",
        "http://me:a@secret@127.0.0.1:9/m.zip",
        "ftp://me:secret@host/m.zip",
    ):
        with pytest.raises((download.Unreachable, ValueError), match="//(127|host)") as found:
            download.fetch(url, tmp_path / "m.zip", 1, DIGEST)
        assert "secret" not in str(found.value)


def test_a_silent_server_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_TIMEOUT", 0.05)
    with pytest.raises(download.Unreachable, match="ReadTimeout"):
        fetched(server, "silent", tmp_path)


def test_offline_is_said_in_one_line(tmp_path):
    with pytest.raises(download.Unreachable, match="offline") as found:
        download.fetch("http://127.0.0.1:9/model.zip", tmp_path / "m.zip", 1, DIGEST)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://host/m.zip", "m.zip"])
def test_other_addresses_are_refused(url, tmp_path):
    with pytest.raises(ValueError, match="`url`"):
        download.fetch(url, tmp_path / "m.zip", 1, DIGEST)
