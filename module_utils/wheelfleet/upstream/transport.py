"""One request and its response: over HTTP with pip's settings, or from a folder of this machine.

Credentials are removed from the index's URL at once. They are sent as a header, only to the index's own host, and no
URL in a message contains them.
"""

from __future__ import annotations

import base64
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass, url2pathname

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from .files import shown
from .pip_config import split_credentials

_MOST_REDIRECTS = 5
_CHUNK = 1 << 16
#: A whole response may take this many times the timeout.
_PATIENCE = 10


class UpstreamUnreachable(Exception):
    """Upstream cannot be used, as configured or at present. The message is a sentence with the cure."""


class NoAnswer(Exception):
    """No usable response; the message completes a sentence that begins with the URL.

    `answered`: there was an HTTP response, though a broken one. `transient`: a retry at once may help.
    """

    def __init__(self, reason: str, *, answered: bool = False, transient: bool = False) -> None:
        super().__init__(reason)
        self.answered = answered
        self.transient = transient


@dataclass(frozen=True)
class Response:
    """A whole response. `url` is its URL after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Transport(Protocol):
    """The methods that `Upstream` needs: `request` raises NoAnswer; `limit` is the largest body in bytes."""

    def request(
        self, method: str, url: str, headers: Mapping[str, str], limit: int, body: bytes | None = None
    ) -> Response: ...

    def close(self) -> None: ...


class HttpTransport:
    """HTTP(S) with persistent connections; thread-safe."""

    def __init__(
        self,
        index_url: str,
        *,
        cert: str | None,
        client_cert: str | None,
        proxy: str | None,
        trusted_hosts: tuple[str, ...],
        user_agent: str,
        timeout: float,
        connections: int,
    ) -> None:
        """`index_url` may hold credentials; the others are as in pip's settings, `timeout` in seconds.

        Raises UpstreamUnreachable for a URL or certificates that cannot be used.
        """
        shown_url, credentials = split_credentials(index_url)
        try:
            scheme, host, port = _http_origin(shown_url)
        except NoAnswer:
            raise UpstreamUnreachable(
                f"{shown(shown_url) or 'Nothing'} cannot be an upstream: its URL must begin with https://, http:// or "
                "file:/// and name the folder above the projects' pages, which mostly ends in /simple/."
            ) from None
        self._own_origins = {(scheme, host, port)}
        if (scheme, port) == ("http", 80):
            self._own_origins.add(("https", host, 443))  # the usual redirect from http to https
        self._authorization = {"Authorization": _basic(credentials)} if credentials else {}
        self._trusted = {host.lower() for host in trusted_hosts}
        self._proxies = {"all": proxy} if proxy else getproxies()
        self._proxy_is_configured = bool(proxy)
        self._headers = {"User-Agent": user_agent}
        self._seconds = timeout
        self._connections = connections
        self._tls = {trusted: _tls(cert, client_cert, verify=not trusted) for trusted in {False, bool(trusted_hosts)}}
        self._managers: dict[tuple[bool, str | None], urllib3.PoolManager] = {}
        self._lock = threading.Lock()
        if trusted_hosts:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the operator trusts these hosts

    def request(
        self, method: str, url: str, headers: Mapping[str, str], limit: int, body: bytes | None = None
    ) -> Response:
        url = split_credentials(url)[0]
        for _ in range(_MOST_REDIRECTS + 1):
            response = self._request_once(method, url, headers, limit, body)
            location = response.headers.get("Location")
            if response.status not in (301, 302, 303, 307, 308) or not location:
                return response
            url = self._redirected(url, location)
        raise NoAnswer(f"redirects more than {_MOST_REDIRECTS} times", answered=True)

    def close(self) -> None:
        """Close the persistent connections."""
        with self._lock:
            for manager in self._managers.values():
                manager.clear()

    def _redirected(self, url: str, location: str) -> str:
        try:
            target = split_credentials(urljoin(url, location).partition("#")[0])[0]
            scheme, host, _ = _http_origin(target)
        except (NoAnswer, ValueError):
            raise NoAnswer("redirects to something that is not an http(s) URL", answered=True) from None
        if url.startswith("https:") and scheme == "http" and not self._is_trusted(target):
            raise NoAnswer(f"redirects from https to plain http on {host}, which is not safe", answered=True)
        return target

    def _request_once(
        self, method: str, url: str, headers: Mapping[str, str], limit: int, body: bytes | None
    ) -> Response:
        own = self._authorization if _http_origin(url) in self._own_origins else {}
        until = time.monotonic() + _PATIENCE * self._seconds
        started = False
        try:
            response = self._manager(url).request(
                method,
                url,
                body=body,
                headers={**self._headers, **headers, **own},
                timeout=urllib3.Timeout(connect=self._seconds, read=self._seconds),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            started = True
            try:
                content = _read(response, limit, until)
            except BaseException:
                response.close()
                raise
        except NoAnswer:
            raise
        except (HTTPError, OSError, ValueError) as error:
            raise self._explained(error, url, started) from None
        return Response(response.status, response.headers, content, url)

    def _explained(self, error: Exception, url: str, started: bool) -> NoAnswer:
        parts = urlsplit(url)
        place = parts.netloc
        if isinstance(error, ProxyError):
            proxy = split_credentials(self._proxy_for(url) or "")[0]
            return NoAnswer(f"cannot be reached through the proxy {proxy}; check its address and its credentials")
        if isinstance(error, NameResolutionError):
            return NoAnswer(f"cannot be reached: there is no host {parts.hostname} by this machine's DNS")
        if isinstance(error, NewConnectionError):
            reasons = (cause.strerror for cause in _causes(error) if isinstance(cause, OSError))
            return NoAnswer(f"cannot be reached: {place} says {next(filter(None, reasons), 'nothing')}")
        if isinstance(error, ConnectTimeoutError):
            return NoAnswer(f"cannot be reached: {place} does not answer within {self._seconds:g} seconds")
        if isinstance(error, SSLError):
            return NoAnswer(
                f"fails at TLS: {shown(str(error))}; check the URL, and the certificate pip is given (cert)"
            )
        if isinstance(error, (ReadTimeoutError, TimeoutError)):
            return NoAnswer(f"sent nothing for {self._seconds:g} seconds", answered=started)
        if isinstance(error, DecodeError):
            return NoAnswer("sent a body that cannot be unpacked", answered=True, transient=True)
        if isinstance(error, ProtocolError):
            what = "broke off in the middle of its answer" if started else "closed the connection without an answer"
            return NoAnswer(what, answered=started, transient=True)
        return NoAnswer(f"cannot be asked ({type(error).__name__}: {shown(str(error))})", answered=started)

    def _manager(self, url: str) -> urllib3.PoolManager:
        trusted, proxy = self._is_trusted(url), self._proxy_for(url)
        with self._lock:
            manager = self._managers.get((trusted, proxy))
            if manager is None:
                options = {"maxsize": self._connections, "ssl_context": self._tls[trusted]}
                manager = self._managers[trusted, proxy] = _pool_manager(proxy, options)
            return manager

    def _is_trusted(self, url: str) -> bool:
        parts = urlsplit(url)
        return not self._trusted.isdisjoint({(parts.hostname or "").lower(), parts.netloc.lower()})

    def _proxy_for(self, url: str) -> str | None:
        """The configured proxy, else the environment's, as in pip."""
        parts = urlsplit(url)
        proxy = self._proxies.get(parts.scheme) or self._proxies.get("all")
        if not proxy or (not self._proxy_is_configured and proxy_bypass(parts.netloc)):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"


class FolderTransport:
    """A `file:` index: a folder of `NAME/index.html`, as pip reads it."""

    def __init__(self, index_url: str) -> None:
        """Raises UpstreamUnreachable if the folder is missing: an unmounted mirror must not count as an empty one."""
        if not _folder(index_url).is_dir():
            raise UpstreamUnreachable(f"There is no folder {_folder(index_url)} to read the upstream {index_url} from.")

    def request(
        self, method: str, url: str, headers: Mapping[str, str], limit: int, body: bytes | None = None
    ) -> Response:
        page = _folder(url) / "index.html"
        try:
            if page.stat().st_size > limit:
                raise NoAnswer(f"is larger than {limit >> 20} MiB", answered=True)
            return Response(200, {"Content-Type": "text/html"}, page.read_bytes(), url)
        except (FileNotFoundError, NotADirectoryError):
            return Response(404, {}, b"", url)
        except OSError as error:
            raise NoAnswer(f"cannot be read: {error.strerror}") from None

    def close(self) -> None:
        """Nothing is open."""


def _folder(url: str) -> Path:
    return Path(url2pathname(urlsplit(url).path))


def _read(response: urllib3.BaseHTTPResponse, limit: int, until: float) -> bytes:
    """The whole decoded body. Raises NoAnswer above `limit` bytes or after `until`, a time of `time.monotonic`."""
    content = bytearray()
    # read1 returns whatever has arrived, so that a slow server is noticed; it returns nothing only at the end.
    while chunk := response.read1(_CHUNK, decode_content=True):
        content += chunk
        if len(content) > limit:
            raise NoAnswer(f"sent more than {limit >> 20} MiB", answered=True)
        if time.monotonic() > until:
            raise NoAnswer("sends its answer too slowly", answered=True)
    # Without a length the closed connection alone marks the end. Broken JSON is noticed when it is parsed.
    framed = "Content-Length" in response.headers or "Transfer-Encoding" in response.headers
    is_html = "html" in response.headers.get("Content-Type", "")
    if is_html and not framed and b"</html>" not in content[-256:].lower():
        raise NoAnswer("broke off in the middle of its answer", answered=True, transient=True)
    return bytes(content)


def _pool_manager(proxy: str | None, options: dict[str, object]) -> urllib3.PoolManager:
    if proxy is None:
        return urllib3.PoolManager(**options)  # type: ignore[arg-type]
    proxy_url, credentials = split_credentials(proxy)
    if not proxy_url.startswith(("http://", "https://")):
        raise NoAnswer(f"cannot be reached: the proxy {shown(proxy_url)} is neither an http nor an https one")
    headers = {"Proxy-Authorization": _basic(credentials)} if credentials else None
    return urllib3.ProxyManager(proxy_url, proxy_headers=headers, **options)  # type: ignore[arg-type]


def _tls(cert: str | None, client_cert: str | None, *, verify: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(
            cafile=cert if cert and not Path(cert).is_dir() else None,
            capath=cert if cert and Path(cert).is_dir() else None,
        )
        if client_cert:
            context.load_cert_chain(client_cert)
    except (OSError, ssl.SSLError) as error:
        raise UpstreamUnreachable(
            f"The certificates pip is configured for (cert {cert}, client-cert {client_cert}) cannot be read: {error}; "
            "put the right paths into pip's configuration."
        ) from None
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _basic(credentials: tuple[str, str]) -> str:
    return "Basic " + base64.b64encode(":".join(credentials).encode()).decode()


def _http_origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port. Raises NoAnswer if it is not a whole http or https URL."""
    try:
        parts = urlsplit(url)
        default = {"http": 80, "https": 443}[parts.scheme]
        port = default if parts.port is None else parts.port
    except (ValueError, KeyError):
        port = 0
    if not port or not parts.hostname:
        raise NoAnswer("is not an http(s) URL")
    return parts.scheme, parts.hostname.lower(), port


def _causes(error: BaseException | None) -> list[BaseException]:
    causes: list[BaseException] = []
    while error is not None and len(causes) < 5:
        causes.append(error)
        error = error.__cause__ or error.__context__
    return causes
