"""One way to refine U_group, traced: a process of benchmarks.refinement.

    python -m benchmarks.convergence stages model.pdb data.mtz --modes 20

prints a line of JSON: for each stage the target's values and the processor seconds at
which they were known; R_free at the end; seconds in all and within the target.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from dataclasses import dataclass, field

METHODS = ("stages", "lbfgs", "tls")
_TLS_GROUPS = 3
#: L-BFGS is stopped where it tries a U beyond this (Å²): cctbx would sample such an
#: atom's density in so many cells that one evaluation takes an hour.
_MOST_U = 1000.0


class _Stopped(Exception):
    """L-BFGS has had its time, or would take cctbx's."""


@dataclass
class Trace:
    """A target that notes its values, and when they were known."""

    target: object
    values: list[float] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    inside: float = 0.0

    def __post_init__(self) -> None:
        self.began = time.process_time()

    def __call__(self, u):
        before = time.process_time()
        result = self.target(u)
        now = time.process_time()
        self.inside += now - before
        self.note(result[0], now)
        return result

    def note(self, value: float, now: float) -> None:
        """One evaluation."""
        self.values.append(float(value))
        self.at.append(now - self.began)

    def record(self) -> dict:
        """For JSON."""
        return {"values": self.values, "at": self.at, "inside": self.inside}


class Setting:
    """Model, data and scales as the first macro-cycle from a flat B has them."""

    def __init__(self, model: str, data: str, options) -> None:
        import iotbx.phil
        from hnmref import params as scopes
        from hnmref.refine.inputs import read_inputs
        from hnmref.refine.scaling import scaled_fmodel

        params = iotbx.phil.parse(scopes.REFINE).extract()
        params.start.b_iso = 20.0
        params.hnm.n_whole = params.hnm.n_substructure = options.modes
        params.tls.groups_per_chain = _TLS_GROUPS
        params.data.high_resolution = options.d_min
        self.params = params
        self.lbfgs_seconds = options.lbfgs_seconds
        self.inputs = read_inputs(model, data, [], params)
        self.structure = self.inputs.model.get_xray_structure()
        self.fmodel = scaled_fmodel(self.structure, self.inputs.data, params)

    def about(self) -> dict:
        """What the work depends on, and how it ended."""
        return {
            "n_atoms": self.structure.scatterers().size(),
            "n_reflections": self.fmodel.f_obs_work().size(),
            "r_work": self.fmodel.r_work(),
            "r_free": self.fmodel.r_free(),
        }


class Stages:
    """The targets, models of U and starts of both stages."""

    def __init__(self, setting: Setting) -> None:
        from hnmref.refine.normal_modes import NormalModes

        self.modes = NormalModes(setting.inputs, setting.params)
        self.modes.begin(setting.structure)
        self.modes.take_from_local()
        self.fmodel = setting.fmodel
        self.fmodel.update(target_name=setting.params.hnm.target)
        self.restraint_weight = setting.params.hnm.restraint_weight
        self.max_iterations = setting.params.hnm.max_iterations

    def first(self):
        """Target, model, start and curvature of stage one."""
        whole, start = self.modes.whole, self.modes.omega_whole
        self._set(whole.u(start))
        target, curvature = self._target()
        return target, whole, start, curvature

    def second(self, u_whole):
        """The same of stage two, held to a result of stage one."""
        import numpy as np
        from hnmref.refine.stages import Restraint, absolute_weight, restrained

        parts, start = self.modes.parts, self.modes.omega_parts
        self._set(u_whole)
        target, curvature = self._target()
        held = Restraint(u_whole, self.restraint_weight)
        weight = absolute_weight(target, parts, start, held, np.random.default_rng(0))
        target, curvature = restrained(target, curvature, u_whole, weight)
        return target, parts, start, curvature

    def _target(self):
        """The target of f_model as it is, with the least prior; and its curvature."""
        from hnmref.refine.curvature import target_metrics
        from hnmref.refine.stages import LEAST_PRIOR, with_prior
        from hnmref.refine.target import XrayTarget

        curvature = target_metrics(self.fmodel)
        return with_prior(XrayTarget(self.fmodel), curvature, LEAST_PRIOR)

    def _set(self, u_group) -> None:
        """Give it to the structure, with the U_local that belongs to it."""
        self.modes.displacements.u_group = u_group
        self.modes.displacements.put_into(self.fmodel.xray_structure)
        self.fmodel.update_xray_structure(
            xray_structure=self.fmodel.xray_structure, update_f_calc=True
        )


def by_stages(setting: Setting) -> dict:
    """hnmref's stages by default; then on, to where they gain no more."""
    from hnmref.refine.stages import minimise_target

    def converge(stage, **ends):
        target, model, start, curvature = stage
        trace = Trace(target)
        result = minimise_target(trace, model, start, curvature=curvature, **ends)
        seconds = time.process_time() - trace.began
        return result, {**trace.record(), "seconds": seconds}

    stages = Stages(setting)
    first, one = converge(stages.first(), max_iterations=stages.max_iterations)
    _, one_on = converge(stages.first(), max_iterations=300, tolerance=1e-9)
    stage_two = stages.second(first.u_group)
    second, two = converge(stage_two, max_iterations=stages.max_iterations)
    _, two_on = converge(stage_two, max_iterations=300, tolerance=1e-9)
    stages._set(second.u_group)
    return {
        "stage_one": one,
        "stage_two": two,
        "least": [min(one_on["values"]), min(two_on["values"])],
        **setting.about(),
    }


def by_lbfgs(setting: Setting) -> dict:
    """scipy's L-BFGS over the triangular Ω; stage two is held to hnmref's stage one."""
    import numpy as np
    import scipy.optimize
    from hnmref.refine.stages import minimise_target, perturbed

    def converge(stage):
        target, model, start, _ = stage
        trace = Trace(target)
        least = [np.inf, None]

        def function(x):
            if time.process_time() - trace.began > setting.lbfgs_seconds:
                raise _Stopped
            u, pull_back = model.u_and_pullback(model.unpack(x))
            if np.abs(u).max() > _MOST_U:
                raise _Stopped
            value, gradient = trace(u)
            if value < least[0]:
                least[:] = value, x.copy()
            return value, model.pack(pull_back(gradient))

        rng = np.random.default_rng(0)
        start_at = model.pack([perturbed(omega, rng) for omega in start])
        ends = {"maxfun": 10_000, "maxiter": 10_000, "ftol": 1e-9, "gtol": 0.0}
        with contextlib.suppress(_Stopped):
            scipy.optimize.minimize(
                function, start_at, jac=True, method="L-BFGS-B", options=ends
            )
        return model.u(model.unpack(least[1])), trace.record()

    stages = Stages(setting)
    _, one = converge(stages.first())
    target, model, start, curvature = stages.first()
    held_to = minimise_target(
        target, model, start, curvature=curvature, max_iterations=stages.max_iterations
    )
    u_group, two = converge(stages.second(held_to.u_group))
    stages._set(u_group)
    return {
        "stage_one": one,
        "stage_two": two,
        "least": [min(one["values"]), min(two["values"])],
        **setting.about(),
    }


def by_tls(setting: Setting) -> dict:
    """mmtbx's TLS refinement as hnmref.refine runs it, its target's calls noted."""
    import mmtbx.tls.tools as tools
    import numpy as np
    from hnmref.refine.tls_baseline import Tls

    tls = Tls(setting.inputs, setting.params)
    tls.begin(setting.structure)
    evaluate = tools.tls_xray_target_minimizer.compute_functional_and_gradients
    trace = Trace(None)

    def noted(minimiser):
        result = evaluate(minimiser)
        trace.note(result[0], time.process_time())
        return result

    tools.tls_xray_target_minimizer.compute_functional_and_gradients = noted
    for _ in tls.steps(setting.fmodel, np.random.default_rng(0)):
        pass
    seconds = time.process_time() - trace.began
    return {"tls": {**trace.record(), "seconds": seconds}, **setting.about()}


def main(args: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--modes", type=int, default=20)
    parser.add_argument("--d-min", type=float, help="resolution limit (A)")
    parser.add_argument(
        "--lbfgs-seconds",
        type=float,
        default=150.0,
        help="processor time of L-BFGS a stage, which may end earlier",
    )
    options = parser.parse_args(args)
    import hnmref  # noqa: F401  (cctbx's extensions must load before scipy's)

    from threadpoolctl import threadpool_limits

    run = {"stages": by_stages, "lbfgs": by_lbfgs, "tls": by_tls}[options.method]
    with threadpool_limits(limits=1):
        record = run(Setting(options.model, options.data, options))
    print(json.dumps(record))


if __name__ == "__main__":
    main()
