"""A port for a server that leaves it and comes back to it."""

import pathlib
import random
import socket


def free_port():
    """One that the system gives to nobody who calls out. A client that calls a port while its server is away might
    else be given that very port, and talk to itself."""
    first_given = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.sample(range(1024, first_given), 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError(f"no port below {first_given} is free")
