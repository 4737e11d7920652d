"""A run that never was: two chains of alanine with a ligand and waters."""

from types import SimpleNamespace

import numpy as np

U_AS_B = 8 * np.pi**2


def example_run() -> dict:
    """What a program hands to the report's writers."""
    steps = [
        (1, "scale", 0.2911, 0.3201, 8),
        (1, "stage_one", 0.2804, 0.3099, 210),
        (1, "u_local", 0.2713, 0.3012, 160),
        (2, "stage_two", 0.2655, 0.2987, 420),
    ]
    return {
        "start": {"r_work": 0.2911, "r_free": 0.3201},
        "final": {"r_work": 0.2655, "r_free": 0.2987},
        "cycles": [
            {
                "cycle": cycle,
                "step": step,
                "r_work": r_work,
                "r_free": r_free,
                "seconds": 1.25,
                "n_parameters": n_parameters,
                "n_target_evaluations": 31,
                "mean_b": 41.77,
            }
            | ({"choices": example_choices()} if step == "u_local" else {})
            for cycle, step, r_work, r_free, n_parameters in steps
        ],
        "atoms": {
            "assigned": 160,
            "local_only": 6,
            "reasons": {"alone": 1, "water": 5},
        },
        "groups": [
            {
                "label": "A",
                "selection": "chain 'A' and not name \"X<1>\"",
                "atoms": 80,
                "modes": 20,
                "parameters": 210,
            }
        ],
        "data": {"n_work": 5247, "n_free": 427, "d_max": 32.6, "d_min": 3.7},
        "shells": [
            {
                "d_max": 32.6,
                "d_min": 5.33,
                "n_work": 1810,
                "n_free": 150,
                "completeness": 0.983,
                "r_work": 0.2118,
                "r_free": 0.2523,
            },
            {
                "d_max": 5.33,
                "d_min": 3.7,
                "n_work": 3437,
                "n_free": 0,
                "completeness": 0.947,
                "r_work": 0.3162,
                "r_free": None,
            },
        ],
        "motions": [
            {
                "label": label,
                "stage": stage,
                "atoms": 160,
                "modes": {
                    "frequency": [*6 * [0.0], 0.01, 0.02],
                    "variance": [0.2, 0.2, 0.1, 0.1, 0.1, 0.1, 0.15, 0.05],
                    "collectivity": [1, 1, 1, 0.8, 0.7, 0.6, 0.5, 0.25],
                },
                "motions": {
                    "frequency": [0.004, 0.012],
                    "variance": [0.75, 0.25],
                    "collectivity": [0.9, 0.4],
                    "weights": [[0.5, *6 * [0.0], 0.5], [0.0, 1.0, *6 * [0.0]]],
                },
            }
            for label, stage in (("whole complex", "stage_one"), ("A", "stage_two"))
        ],
        "neighbours": {
            "p_kl_bonded": 0.0123,
            "p_kl_near": 0.0456,
            "b_kl": 1.789,
            "rigid_bond": 0.0321,
            "n_bonded": 158,
            "n_near": 1400,
            "n_boundary": 45,
            "histogram": {
                "edges": [0.001, 0.01, 0.1, 1.0, 10.0],
                "bonded": [100, 50, 8, 0],
                "near": [600, 700, 100, 0],
            },
        },
        "worst_residues": [
            {
                "chain": "A",
                "residue": "12",
                "name": "ALA",
                "map_correlation": 0.613,
                "mean_b": 88.8,
            }
        ],
        "strategy": "adp",
        "group_adp": "hnm",
        "random_seed": 2679941,
        "versions": {"hnmref": "0.1.0", "python": "3.11.2"},
        "notes": ["One U was not positive & definite: repaired."],
        "files": {"pdb": "run_001.pdb"},
        "input": {"model": "start.pdb", "data": "start.mtz"},
    }


def example_choices() -> list[dict]:
    """Two parameters that were found from the data."""
    return [
        {
            "parameter": parameter,
            "value": 0.5,
            "trials": [
                {
                    "value": value,
                    "r_apart": 0.25 + above,
                    "above_best": above,
                    "standard_error": 0.0021 if above else 0.0,
                }
                for value, above in ((1.0, 0.004), (0.5, 0.002), (0.25, 0.0))
            ],
        }
        for parameter in ("hnm.prior_weight", "weight of the X-ray target")
    ]


def example_atoms(n_residues: int = 20, chains: str = "AB") -> dict:
    """Per-atom arrays: four atoms a residue, a calcium and five waters."""
    rng = np.random.default_rng(3)
    chain, residue, name, sites = [], [], [], []
    for number, chain_id in enumerate(chains):
        for i in range(n_residues):
            centre = np.array([3.7 * i, 4 * (i % 2) * 0.1, 25.0 * number])
            for j, atom in enumerate((" N  ", " CA ", " C  ", " O  ")):
                chain.append(chain_id)
                residue.append(f"{i + 5:4d} ")
                name.append(atom)
                sites.append(centre + 0.5 * np.array([j - 1, (j - 1) ** 2, 0]))
    chain += [chains[0]] * 6
    residue += [f"{900 + i:4d} " for i in range(6)]
    name += ["CA  ", *[" O  "] * 5]
    sites += list(rng.uniform(-50, -20, (6, 3)))
    n = len(chain)
    n_assigned = n - 6
    factors = rng.normal(0, 0.3, (n, 3, 3))
    tensors = factors @ factors.transpose(0, 2, 1)
    tensors[n_assigned:] = 0.0
    b_local = rng.uniform(15, 30, n)
    total = tensors + (b_local / U_AS_B)[:, None, None] * np.eye(3)
    values = np.linalg.eigvalsh(total)
    b_group = U_AS_B * np.trace(tensors, axis1=1, axis2=2) / 3
    return {
        "chain_id": np.array(chain),
        "residue": np.array(residue),
        "residue_name": np.array(["ALA"] * n_assigned + ["CA"] + ["HOH"] * 5),
        "atom_name": np.array(name),
        "b_group_eq": b_group,
        "b_local": b_local,
        "b_total": b_group + b_local,
        "anisotropy": values[:, 0] / values[:, 2],
        "b_whole_eq": 0.9 * b_group,
        "b_group_error": 0.1 * b_group,
        "local_only": np.array([""] * n_assigned + ["alone"] + ["water"] * 5),
        "map_correlation": np.where(
            np.arange(n) < n - 1, rng.uniform(0.6, 1.0, n), np.nan
        ),
        "sites": np.array(sites),
        "u_group": tensors[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]],
    }


def example_motions(atoms: dict) -> list:
    """Motions with displacements: of all assigned atoms, and of chain A's."""
    rng = np.random.default_rng(12)
    assigned = atoms["local_only"] == ""
    chain_a = assigned & (atoms["chain_id"] == "A")
    return [
        SimpleNamespace(
            label=label,
            stage=stage,
            atoms=np.flatnonzero(members),
            variance=np.array([0.75, 0.25]),
            displacements=rng.normal(0, 0.5, (np.count_nonzero(members), 3, 2)),
        )
        for label, stage, members in (
            ("whole complex", "stage_one", assigned),
            ("A", "stage_two", chain_a),
        )
    ]
