"""Residual-only B: decided from the data, on made and on real entries."""

import numpy as np
import pytest
from cctbx import miller
from cctbx.array_family import flex
from data_scope import data_scope
from pdb_text import atom, text

from hnmref.errors import InputError
from hnmref.refine import arrays
from hnmref.refine.data import Data, read_data
from hnmref.refine.model import read_model
from hnmref.refine.residual_b import add_header_tls_if_residual
from tests.shared_pdb import require_entry

CELL = "CRYST1   30.000   34.000   38.000  90.00  90.00  90.00 P 21 21 21    4"
T = (0.35, 0.30, 0.25, 0.03, -0.02, 0.01)
L = (25.0, 15.0, 10.0, 2.0, -1.0, 3.0)
S = (0.30, 0.05, -0.04, 0.02, -0.10, 0.06, -0.03, 0.08, -0.20)
ORIGIN = (10.0, 12.0, 14.0)


def tls_header(t=T, l=L, s=S) -> str:  # noqa: E741
    """REFMAC's header of one group, chain A."""
    o = ORIGIN
    return "\n".join(
        [
            "REMARK   3 REFINEMENT.",
            "REMARK   3   PROGRAM     : REFMAC 5.5",
            "REMARK   3  TLS DETAILS",
            "REMARK   3   NUMBER OF TLS GROUPS  : 1",
            "REMARK   3   TLS GROUP : 1",
            "REMARK   3    NUMBER OF COMPONENTS GROUP : 1",
            "REMARK   3    COMPONENTS        C SSSEQI   TO  C SSSEQI",
            "REMARK   3    RESIDUE RANGE :   A     1        A    60",
            f"REMARK   3    ORIGIN FOR THE GROUP (A):{o[0]:9.4f}{o[1]:9.4f}{o[2]:9.4f}",
            "REMARK   3    T TENSOR",
            f"REMARK   3      T11:{t[0]:9.4f} T22:{t[1]:9.4f}",
            f"REMARK   3      T33:{t[2]:9.4f} T12:{t[3]:9.4f}",
            f"REMARK   3      T13:{t[4]:9.4f} T23:{t[5]:9.4f}",
            "REMARK   3    L TENSOR",
            f"REMARK   3      L11:{l[0]:9.4f} L22:{l[1]:9.4f}",
            f"REMARK   3      L33:{l[2]:9.4f} L12:{l[3]:9.4f}",
            f"REMARK   3      L13:{l[4]:9.4f} L23:{l[5]:9.4f}",
            "REMARK   3    S TENSOR",
            f"REMARK   3      S11:{s[0]:9.4f} S12:{s[1]:9.4f} S13:{s[2]:9.4f}",
            f"REMARK   3      S21:{s[3]:9.4f} S22:{s[4]:9.4f} S23:{s[5]:9.4f}",
            f"REMARK   3      S31:{s[6]:9.4f} S32:{s[7]:9.4f} S33:{s[8]:9.4f}",
            "REMARK   3  RESIDUAL ONLY",
        ]
    )


def u_of_tls(sites: np.ndarray) -> np.ndarray:
    """U of the header's group by the textbook formula: T + A L Aᵀ + A S + SᵀAᵀ.

    Schomaker and Trueblood (1968), with L in degree² and S in Å·degree.
    """

    def full(x):
        return np.array([[x[0], x[3], x[4]], [x[3], x[1], x[5]], [x[4], x[5], x[2]]])

    degree = np.pi / 180
    x, y, z = (sites - ORIGIN).T
    zero = np.zeros_like(x)
    a = np.array([[zero, z, -y], [-z, zero, x], [y, -x, zero]]).transpose(2, 0, 1)
    screw = a @ np.reshape(S, (3, 3)) * degree
    u = full(T) + a @ full(L) @ a.transpose(0, 2, 1) * degree**2
    u = u + screw + screw.transpose(0, 2, 1)
    return u[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]


def atoms_in_the_cell(anisou: bool) -> list[str]:
    rng = np.random.default_rng(11)
    sites = rng.uniform((2, 2, 2), (18, 22, 24), (60, 3))
    lines = []
    for i, xyz in enumerate(sites):
        lines.append(atom("CA", "GLY", "A", i + 1, xyz, b=10 + rng.uniform(0, 20)))
        if anisou:
            values = "".join(f"{v:7d}" for v in (3000, 3000, 3000, 100, 0, 0))
            lines.append("ANISOU" + lines[-1][6:28] + values + " " * 6 + lines[-1][76:])
    return lines


def made_entry(
    tmp_path, *, data_with_tls: bool, anisou: bool = False, header: str | None = None
):
    """Model file with a TLS header, and data of B alone or of B and TLS."""
    name = tmp_path / "made.pdb"
    header = tls_header() if header is None else header
    name.write_text(header + "\n" + text(atoms_in_the_cell(anisou), cell=CELL))
    model, _ = read_model(str(name))
    structure = model.get_xray_structure().deep_copy_scatterers()
    if data_with_tls:
        structure.convert_to_anisotropic()
        u = arrays.sym_mat3_to_numpy(
            structure.scatterers().extract_u_cart(structure.unit_cell())
        )
        u += u_of_tls(arrays.vec3_to_numpy(structure.sites_cart()))
        structure.set_u_cart(arrays.numpy_to_sym_mat3(u))
    f_obs = abs(structure.structure_factors(d_min=2.5, algorithm="direct").f_calc())
    rng = np.random.default_rng(12)
    noise = 1 + 0.03 * rng.normal(size=f_obs.size())
    values = arrays.to_numpy(f_obs.data()) * noise
    f_obs = f_obs.customized_copy(
        data=arrays.to_double(values), sigmas=arrays.to_double(0.03 * values)
    )
    f_obs.set_observation_type_xray_amplitude()
    free = flex.bool((rng.uniform(size=f_obs.size()) < 0.1).tolist())
    flags = miller.array(f_obs.set(), data=free)
    return model, str(name), Data(f_obs, flags, "F,SIGF", "FREE", 1)


def u_cart(model) -> np.ndarray:
    structure = model.get_xray_structure()
    return arrays.sym_mat3_to_numpy(
        structure.scatterers().extract_u_cart(structure.unit_cell())
    )


def test_residual_b_gets_the_headers_tls(tmp_path):
    model, name, data = made_entry(tmp_path, data_with_tls=True)
    u_local = arrays.to_numpy(model.get_b_iso()) / (8 * np.pi**2)
    notes = add_header_tls_if_residual(model, name, data, "auto")
    assert "B is residual" in notes[0] and "60 atoms" in notes[1]
    r_as_read, r_total = (float(w) for w in notes[0].split()[1:9] if w.startswith("0."))
    assert r_total < 0.05 < r_as_read
    expected = u_of_tls(arrays.vec3_to_numpy(model.get_sites_cart()))
    expected[:, :3] += u_local[:, None]
    np.testing.assert_allclose(u_cart(model), expected, atol=2e-4)
    assert model.get_xray_structure().use_u_aniso().all_eq(True)
    in_hierarchy = arrays.sym_mat3_to_numpy(model.get_atoms().extract_uij())
    np.testing.assert_allclose(in_hierarchy, u_cart(model), atol=1e-9)
    assert model.get_scattering_table() == "n_gaussian"


def test_total_b_stays_as_it_is_though_a_remark_says_residual(tmp_path):
    model, name, data = made_entry(tmp_path, data_with_tls=False)
    before = arrays.to_numpy(model.get_b_iso()).copy()
    notes = add_header_tls_if_residual(model, name, data, "auto")
    assert len(notes) == 1 and "B is total" in notes[0]
    np.testing.assert_array_equal(arrays.to_numpy(model.get_b_iso()), before)
    assert model.get_xray_structure().use_u_aniso().count(True) == 0


def test_atoms_with_anisou_have_their_tls_already(tmp_path):
    model, name, data = made_entry(tmp_path, data_with_tls=True, anisou=True)
    before = u_cart(model)
    notes = add_header_tls_if_residual(model, name, data, "auto")
    assert notes == ["The header's TLS is in the ANISOU already: nothing is added"]
    np.testing.assert_array_equal(u_cart(model), before)


def test_the_user_decides(tmp_path):
    model, name, data = made_entry(tmp_path, data_with_tls=False)
    assert add_header_tls_if_residual(model, name, data, "no") == []
    assert model.get_xray_structure().use_u_aniso().count(True) == 0
    notes = add_header_tls_if_residual(model, name, data, "yes")
    assert len(notes) == 1 and "added to the B of 60 atoms" in notes[0]
    assert model.get_xray_structure().use_u_aniso().all_eq(True)


def test_totals_that_are_not_positive_definite_are_repaired(tmp_path):
    header = tls_header(t=(-0.5, 0.3, 0.3, 0, 0, 0), l=(0,) * 6, s=(0,) * 9)
    model, name, data = made_entry(tmp_path, data_with_tls=False, header=header)
    notes = add_header_tls_if_residual(model, name, data, "yes")
    assert "60 of these U were not positive definite" in notes[-1]
    assert model.get_xray_structure().is_positive_definite_u().all_eq(True)


def test_without_tls_in_the_header(tmp_path):
    model, name, data = made_entry(tmp_path, data_with_tls=True, header="REMARK   3")
    assert add_header_tls_if_residual(model, name, data, "auto") == []
    with pytest.raises(InputError, match="model.residual_b=yes, but .* no TLS groups"):
        add_header_tls_if_residual(model, name, data, "yes")


@pytest.mark.parametrize(
    "entry_id, n_atoms, words",
    [
        ("1va7", 1994, "B is residual"),
        ("3m8b", 4286, "B is residual"),
        ("3ifx", 0, "tensors of the header are zero"),
        ("3uj4", 0, "in the ANISOU already"),
    ],
)
def test_real_entries(entry_id, n_atoms, words):
    entry = require_entry(entry_id)
    model, _ = read_model(entry.model)
    n_before = model.get_xray_structure().use_u_aniso().count(True)
    data = read_data(entry.data, data_scope(), random_seed=1)
    notes = add_header_tls_if_residual(model, entry.model, data, "auto")
    assert words in notes[0]
    n_after = model.get_xray_structure().use_u_aniso().count(True)
    assert n_after - n_before == n_atoms
