#!/usr/bin/env python3
"""swift_server.py FOLDER [PACKAGES]: OpenStack's Swift with its s3api, the four servers of it in one process, on free ports of
127.0.0.1. It keeps everything in FOLDER, and says "listening on PORT" when it serves. PACKAGES is where Debian's packages lie
that are not installed (fetch_clients). Keys: "test:kiln" with "kiln-secret" may do everything; "test:guest" with "guest"
may do nothing in its buckets. It checks signatures and the hashes of bodies, and parts of less than 5 MiB are refused, as
Amazon does."""

import os
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
if len(sys.argv) > 2:
    sys.path.insert(0, str(pathlib.Path(sys.argv[2]) / "usr/lib/python3/dist-packages"))

import eventlet  # noqa: E402

eventlet.monkey_patch()

import logging  # noqa: E402
import eventlet.wsgi  # noqa: E402
from swift.common import utils  # noqa: E402

utils.HASH_PATH_PREFIX, utils.HASH_PATH_SUFFIX = b"", b"kiln"
utils.SWIFT_CONF_FILE = str(folder / "swift.conf")
# There is no syslog, and nobody to read it.
logging.raiseExceptions = False
utils.config_fallocate_value("0")
# What it keeps is gone with the test.
os.fsync = os.fdatasync = lambda file: None
utils.fsync_dir = lambda path: None

from swift.account.server import app_factory as accounts  # noqa: E402
from swift.common.middleware import bulk, catch_errors, copy, slo, tempauth  # noqa: E402
from swift.common.middleware.s3api import s3api  # noqa: E402
from swift.common.ring.builder import RingBuilder  # noqa: E402
from swift.container.server import app_factory as containers  # noqa: E402
from swift.obj.server import app_factory as objects  # noqa: E402
from swift.proxy.server import app_factory as proxy  # noqa: E402


class NoMemcache:
    """In memcached's place: it forgets at once."""

    def get(self, key, raise_on_error=False):
        return None

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


class WithoutMemcache:
    def __init__(self, app):
        self.app = app

    def __call__(self, env, start):
        env["swift.cache"] = NoMemcache()
        return self.app(env, start)


def serve(sock, app):
    pool = eventlet.GreenPool(2048)
    eventlet.spawn(eventlet.wsgi.server, sock, app, custom_pool=pool, log_output=False, log=logging.getLogger("none"),
                   socket_timeout=120, capitalize_response_headers=False)


def main():
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = kiln\n")
    disk = folder / "devices" / "disk"
    disk.mkdir(parents=True, exist_ok=True)
    conf = {"swift_dir": str(folder), "devices": str(folder / "devices"), "mount_check": "false",
            "recon_cache_path": str(folder), "log_address": str(folder / "no-syslog"), "log_level": "CRITICAL",
            "fallocate_reserve": "0", "disable_fallocate": "true", "servers_per_port": "0", "workers": "0"}
    sockets = {}
    for kind in ("account", "container", "object"):
        sockets[kind] = eventlet.listen(("127.0.0.1", 0), backlog=4096)
        builder = RingBuilder(1, 1, 0)
        port = sockets[kind].getsockname()[1]
        builder.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1.0, "ip": "127.0.0.1", "port": port, "meta": "",
                         "replication_ip": "127.0.0.1", "replication_port": port, "device": "disk"})
        builder.rebalance()
        builder.get_ring().save(str(folder / f"{kind}.ring.gz"))
    serve(sockets["account"], accounts(conf))
    serve(sockets["container"], containers(conf))
    serve(sockets["object"], objects(conf))
    front = proxy(dict(conf, __name__="proxy-server", __file__=str(folder / "swift.conf"), account_autocreate="true",
                       allow_account_management="true", node_timeout="30", conn_timeout="5",
                       recoverable_node_timeout="30", object_post_as_copy="false"))
    for wrap in (
            slo.filter_factory(conf),
            bulk.filter_factory(conf),
            copy.filter_factory(conf),
            tempauth.filter_factory(dict(conf, **{"user_test_kiln": "kiln-secret .admin", "user_test_guest": "guest"})),
            s3api.filter_factory(dict(conf, s3_acl="false", location="eu-test-1", dns_compliant_bucket_names="false",
                                      check_bucket_owner="false", ratelimit_as_client_error="false",
                                      storage_domain="localhost")),
            WithoutMemcache,
            catch_errors.filter_factory(conf)):
        front = wrap(front)
    public = eventlet.listen(("127.0.0.1", int(os.environ.get("KILN_SWIFT_PORT", "0"))), backlog=4096)
    serve(public, front)
    print(f"listening on {public.getsockname()[1]}", flush=True)
    while True:
        eventlet.sleep(3600)


if __name__ == "__main__":
    main()
