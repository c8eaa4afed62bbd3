"""All effects of a run: sockets, time, threads, greenlets. The only package that may send traffic."""
