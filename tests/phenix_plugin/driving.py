"""mmtbx's ADP manager called as phenix.refine calls it, on the small example."""

from __future__ import annotations

import io
from dataclasses import dataclass

import hnmref  # noqa: F401  (cctbx's extensions load first)

import iotbx.phil
import mmtbx
import mmtbx.den.refinement
import mmtbx.refinement.refinement_flags
from cctbx.array_family import flex
from libtbx.utils import null_out
from mmtbx.refinement import adp_refinement, weights

from hnmref.refine.adp_restraints import adp_restraints_manager
from hnmref.refine.scaling import scaled_fmodel
from tests.refine.small_run import DOMAINS, refine_params, small_inputs

#: What phenix.refine's parameters have that its ADP refinement reads.
PHENIX_LIKE = """
refinement {
  main {
    random_seed = 2679941
      .type = int
    nproc = 1
      .type = int
    scattering_table = n_gaussian
      .type = str
  }
  refine.adp.tls = None
    .type = str
    .multiple = True
  input.pdb.file_name = None
    .type = path
    .multiple = True
  output {
    prefix = None
      .type = str
    serial = None
      .type = int
  }
  tls {
    include scope mmtbx.refinement.adp_refinement.tls_master_params
  }
  group_b_iso {
    include scope mmtbx.refinement.adp_refinement.group_adp_master_params
  }
  adp {
    include scope mmtbx.refinement.adp_refinement.individual_adp_master_params
  }
  adp_restraints {
    include scope mmtbx.refinement.adp_refinement.adp_restraints_master_params
  }
  target_weights {
    include scope mmtbx.refinement.weights.master_params
  }
  hydrogens.refine = individual
    .type = str
  ncs.constraints {
    apply_to_adp = False
      .type = bool
    apply_to_coordinates = False
      .type = bool
  }
}
"""
#: HNM as small as hnmref.refine's quick example.
QUICK = (
    "tls.hnm.enabled=True",
    "tls.hnm.n_whole=8",
    "tls.hnm.n_substructure=7",
    "tls.hnm.max_iterations=3",
    "tls.hnm.prior_weight=0",
    "adp.iso.max_number_of_iterations=3",
)
#: TLS refinement made cheap.
QUICK_TLS = ("tls.number_of_macro_cycles=1", "tls.max_number_of_iterations=2")


def phenix_params(*assignments: str):
    """phenix.refine-like parameters, extracted; the plugin may be installed or not."""
    master = iotbx.phil.parse(PHENIX_LIKE, process_includes=True)
    interpreter = master.command_line_argument_interpreter(home_scope="refinement")
    user = [interpreter.process(text) for text in assignments]
    return master.fetch(sources=user).extract().refinement


@dataclass
class Case:
    """A model with data before its ADP refinement."""

    model: mmtbx.model.manager
    fmodels: mmtbx.fmodels

    @property
    def structure(self):
        """The structure that model and f_model share."""
        return self.model.get_xray_structure()

    def r_free(self) -> float:
        """As a fraction."""
        return self.fmodels.fmodel_xray().r_free()


def prepare(files, *assignments: str) -> Case:
    """The small example scaled, with the flags and TLS groups of strategy=…+tls."""
    params = refine_params(*assignments)
    return scaled(small_inputs(files, params), params, DOMAINS)


def scaled(inputs, params, tls_selections) -> Case:
    """Inputs of hnmref.refine with f_models, flags and TLS groups.

    :param params: hnmref.refine's.
    :param tls_selections: strings; none: one group of all atoms, as phenix.refine.
    """
    model = inputs.model
    structure = model.get_xray_structure()
    model.restraints_manager = adp_restraints_manager(structure)
    fmodel = scaled_fmodel(structure, inputs.data, params)
    # B of the atoms, which the DEN refinement reads, follow the overall B.
    model.set_xray_structure(structure)
    set_groups(model, tls_selections)
    return Case(model, mmtbx.fmodels(fmodel_xray=fmodel, log=null_out()))


def set_groups(model, strings) -> None:
    """TLS groups and flags as phenix.refine sets them at its start."""
    strings = list(strings)
    everyone = flex.bool(model.size(), True)
    iselections = [model.selection(s).iselection() for s in strings or ["all"]]
    model.determine_tls_groups(
        selection_strings=strings, generate_tlsos=iselections
    )
    model.set_refinement_flags(
        mmtbx.refinement.refinement_flags.manager(
            individual_adp=True,
            tls=True,
            adp_tls=iselections,
            adp_individual_iso=everyone,
            adp_individual_aniso=~everyone,
            adp_group=[everyone.iselection()],
        )
    )


def target_weights(case: Case, params):
    """mmtbx's weights, one of them and not a search."""
    twp = weights.master_params.extract()
    twp.shake_sites = False
    twp.optimize_adp_weight = False
    return weights.weight(
        fmodel=case.fmodels.fmodel_xray(),
        model=case.model,
        correct_special_position_tolerance=1.0,
        target_weights_params=twp,
        macro_cycle=1,
        iso_restraints=params.adp_restraints.iso,
        log=null_out(),
        show_summary=False,
    )


def refine(case: Case, params, *, log=None, macro_cycle=1, **what):
    """One call with phenix.refine's argument set; ``what``: the refine_… flags."""
    flags = case.model.refinement_flags
    individual = what.get("refine_adp_individual", False)
    arguments = {
        "group_adp_selections": flags.adp_group,
        "group_adp_selections_h": flags.group_h,
        "tls_selections": flags.adp_tls,
        "refine_tls": True,
        "refine_adp_individual": False,
        "refine_adp_group": False,
        **what,
    }
    return adp_refinement.manager(
        fmodels=case.fmodels,
        model=case.model,
        group_adp_params=params.group_b_iso,
        all_params=params,
        tls_params=params.tls,
        individual_adp_params=params.adp,
        adp_restraints_params=params.adp_restraints,
        tan_b_iso_max=0,
        restraints_manager=case.model.restraints_manager,
        macro_cycle=macro_cycle,
        target_weights=target_weights(case, params) if individual else None,
        log=log or io.StringIO(),
        h_params=params.hydrogens,
        nproc=1,
        **arguments,
    )


def den_caller(case: Case, params):
    """mmtbx's DEN refinement, as it stands between annealing and ADP refinement."""
    den = mmtbx.den.refinement.manager.__new__(mmtbx.den.refinement.manager)
    den.fmodels, den.model, den.params = case.fmodels, case.model, params
    weigh = case.model.refinement_flags.individual_adp
    den.target_weights = target_weights(case, params) if weigh else None
    den.tan_b_iso_max, den.macro_cycle = 0, 1
    return den
