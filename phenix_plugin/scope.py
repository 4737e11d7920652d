"""The parameters of the plugin: hnmref.refine's own scope, and two more."""

from __future__ import annotations

import iotbx.phil

from hnmref.params import HNM

#: What only the plugin has.
PLUGIN = """
enabled = False
  .type = bool
  .short_caption = "Normal modes in the place of TLS"
  .help = "Refine normal modes where TLS would be refined."
restart_file = None
  .type = str
  .help = "The .hnm.npz of an earlier run. Default: that beside the model, if "
          "it is of this model."
"""


def hnm_scope():
    """A new PHIL scope ``hnm``: the plugin's parameters, then hnmref.refine's."""
    scope = iotbx.phil.parse(HNM).objects[0]
    for definition in reversed(iotbx.phil.parse(PLUGIN).objects):
        definition.primary_parent_scope = scope
        scope.objects.insert(0, definition)
    return scope


def add_to(tls_scope) -> None:
    """Put ``hnm`` into mmtbx's TLS parameters, once."""
    if "hnm" not in [item.name for item in tls_scope.objects]:
        tls_scope.adopt(hnm_scope())


def remove_from(tls_scope) -> None:
    """Take ``hnm`` out again."""
    tls_scope.objects = [item for item in tls_scope.objects if item.name != "hnm"]
