"""A run that never was: two chains of alanine with a ligand and waters."""

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
            for cycle, step, r_work, r_free, n_parameters in steps
        ],
        "atoms": {"assigned": 160, "local_only": 5, "reasons": {"water": 5}},
        "groups": [
            {
                "label": "A",
                "selection": "chain 'A' and not name \"X<1>\"",
                "atoms": 80,
                "modes": 20,
                "parameters": 210,
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
        "atom_name": np.array(name),
        "b_group_eq": b_group,
        "b_local": b_local,
        "b_total": b_group + b_local,
        "anisotropy": values[:, 0] / values[:, 2],
        "assigned": np.arange(n) < n_assigned,
        "sites": np.array(sites),
        "u_group": tensors[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]],
    }
