"""Completion of commands, options, types and contexts in the shell."""

import click
from click.shell_completion import get_completion_class

_VARIABLE = "_CONCORD_COMPLETE"


@click.command(cls=click.Command)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash: eval "$(concord completion bash)"   in ~/.bashrc
    zsh:  eval "$(concord completion zsh)"    in ~/.zshrc
    fish: concord completion fish | source    in config.fish
    """
    script = get_completion_class(shell)
    assert script is not None  # noqa: S101 - the choice names only these
    print(script(context.find_root().command, {}, "concord", _VARIABLE).source())
