"""The command line `nexscout`."""

import errno
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from local import environment
from local.commands import config as config_command
from local.commands import scans as scans_command
from local.commands import schema as schema_command
from local.commands.generator import app as new_app
from local.commands.invoke import Identity, event_of
from local.commands.invoke import invoke as invoke_function
from local.commands.migrate import migrate
from local.problem import Problem
from local.project import PROJECT
from local.stack import dev as dev_command

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="NexScout on this machine. Every command ends with 0 when it did what was asked, "
    "with 1 when it could not, and with 2 when it was called wrongly.",
)


@app.command()
def dev(
    port: Annotated[int, typer.Option(help="Where the API listens.", min=1, max=65535)] = 54321,
    *,
    reset: Annotated[bool, typer.Option("--reset", help="Start from nothing: drop all data first.")] = False,
) -> None:
    """Run the whole system until Ctrl-C.

    PostgreSQL, the Supabase API, all functions, and a simulated model provider. With OPENAI_API_KEY set the
    real provider is used, with OPENAI_BASE_URL any compatible server.
    """
    raise typer.Exit(dev_command.run(port, reset=reset))


FunctionName = Annotated[str, typer.Argument(help="Its name as in the address, such as generate-ai-content.")]
Data = Annotated[str, typer.Option(help="The JSON body; @FILE reads it from a file, @- from stdin.")]
Who = Annotated[Identity, typer.Option("--as", metavar="<caller>", help=f"Who calls: {', '.join(Identity)}.")]
EnvFile = Annotated[
    Path,
    typer.Option(
        envvar="NEXSCOUT_ENV_FILE",
        show_default=False,
        help="Where the stack wrote its addresses and keys, if not in .local/env.",
    ),
]


@app.command()
def invoke(
    function: FunctionName,
    data: Data = "{}",
    as_: Who = Identity.DEMO,
    *,
    event: Annotated[
        bool, typer.Option("--event", help="Through the Lambda handler, with an API Gateway event.")
    ] = False,
    env_file: EnvFile = PROJECT / ".local" / "env",
) -> None:
    """Call a function inside this process, against the running stack.

    The reply goes to stdout, its status and the function's log to stderr. The exit code is 0 only for a 2xx reply.
    """
    body = read_body(data)
    reply = invoke_function(function, body, as_, environment.read(env_file), event=event)
    print(f"HTTP {reply.status}", file=sys.stderr)
    print(reply.pretty)
    raise typer.Exit(0 if 200 <= reply.status < 300 else 1)  # noqa: PLR2004 - the class of success


@app.command()
def event(
    function: FunctionName,
    data: Data = "{}",
    as_: Who = Identity.DEMO,
    env_file: EnvFile = PROJECT / ".local" / "env",
) -> None:
    """Print the API Gateway event of such a call, with a fresh token, for tools that invoke a handler."""
    print(json.dumps(event_of(function, read_body(data), as_, environment.read(env_file)), indent=2))


app.command()(migrate)
app.add_typer(config_command.app, name="config")
app.add_typer(scans_command.app, name="scans")
app.add_typer(schema_command.app, name="schema")
app.add_typer(new_app, name="new")


def read_body(data: str) -> str:
    """Return the body that `--data` names.

    Raises:
        Problem: when the file cannot be read or the text is not JSON.
    """
    text = data
    if data.startswith("@"):
        try:
            text = sys.stdin.read() if data == "@-" else Path(data[1:]).read_text()
        except OSError as error:
            raise Problem(f"cannot read {data[1:]}: {error.strerror}.") from error
    try:
        json.loads(text)
    except ValueError as error:
        raise Problem(f"--data is not JSON: {error}.") from error
    return text


def main() -> None:
    """Run the command line; an error that the user can fix is shown in one sentence."""
    try:
        app()
    except Problem as problem:
        fail(str(problem))
    except OSError as error:
        sentence = remedy(error)
        if sentence is None:
            raise
        fail(sentence)


def remedy(error: OSError) -> str | None:
    """Return the message for a file error that the user can fix, None for anything else."""
    # When many files are copied, only the error's text mentions a full disk.
    if error.errno == errno.ENOSPC or "No space left" in str(error):
        return "the disk is full: make room and try again."
    if isinstance(error, PermissionError):
        return f"{error.filename} belongs to another user: remove it, or run this as that user."
    return None


def fail(sentence: str) -> None:
    """Show the error and exit with 1."""
    print(f"nexscout: {sentence}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
