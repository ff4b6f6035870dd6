"""``demo``: the ordinary ``collect`` against a recorded cluster, all on loopback."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from collector.cli.collect import add_output_flags, check_output
from collector.cli.parser import Parser
from collector.cli.serving import serve_until_ended
from collector.core.text import counted

_NOTICES = "demo-notices"


def parser(prog: str) -> Parser:
    """Returns the parser of this verb."""
    made = Parser(
        prog=prog,
        description=(
            "Serves a recorded cluster (Conductor failing on Kubernetes 1.17) and an Errbit-compatible\n"
            "receiver on loopback, and runs the ordinary collect against both. The cluster and its secrets\n"
            "are made up."
        ),
        examples=(prog, f"{prog} --dest-dir /tmp/demo -o json", f"{prog} --keep-running"),
    )
    add_output_flags(made)
    made.option("--keep-running", "leave both servers up and print how to reach them", action="store_true")
    return made


def run(arguments: argparse.Namespace) -> int:
    """Runs the verb and returns the exit status. Raises OutputError."""
    from collector.cli.execute import execute
    from collector.delivery import ErrbitSettings, Secret
    from collector.demo.stage import stage
    from collector.kube.config import ConnectionOptions
    from collector.pipeline.place import make_folder, not_writable
    from collector.spec import load_spec

    check_output(arguments)
    dest = Path(arguments.dest_dir)
    make_folder(dest)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="conductor-diag-demo-"))
        try:
            scene = stack.enter_context(stage(Path(folder), dest / _NOTICES))
        except OSError as error:
            raise not_writable(dest, error) from error
        status = execute(
            arguments,
            source=ConnectionOptions(kubeconfig=str(scene.kubeconfig), context="demo"),
            spec=load_spec(),
            errbit=ErrbitSettings(
                url=scene.receiver_url,
                key=Secret(scene.key, "the demo's Errbit API key"),
                environment="demo",
                hostname=arguments.label,
                spool_dir=dest / "conductor-diag-spool",
            ),
            since=None,
            policy=None,
            clock=scene.clock,
            demo=True,
        )
        if not arguments.quiet:
            count = counted(len(scene.receiver.notices()), "notice")
            print(f"The receiver holds {count}, kept in {scene.notices}", file=sys.stderr)
        if arguments.keep_running:
            serve_until_ended(
                f"\nBoth servers stay up; Ctrl-C ends them.\n"
                f"  export KUBECONFIG={scene.kubeconfig}\n"
                f"  kubectl get pods -n conductor\n"
                f"  receiver: {scene.receiver_url}/"
            )
    return status
