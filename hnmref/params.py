"""Every parameter of hnmref.refine, once, as a PHIL string.

The words are phenix.refine's where it has one for the same thing. Names of .npz
files are of type str: whatever is of type path, the command line's parser opens as
every kind of file that it knows, and takes a .npz for a map of gigabytes.
"""

DATA = """
data
  .help = "Reflections: found by themselves, overridable here."
{
  labels = None
    .type = str
    .help = "Column labels of the amplitudes or intensities (a part that is "
            "unique will do)."
  free_label = None
    .type = str
    .help = "Column label of the free-R flags."
  test_value = None
    .type = int
    .help = "The value of the flag that marks the free set."
  generate_free_flags = False
    .type = bool
    .help = "Make free flags where the file has none. Never done unasked."
  free_fraction = 0.05
    .type = float(value_min=0.01, value_max=0.5)
    .help = "Fraction of the reflections in a free set that is made."
  high_resolution = None
    .type = float
    .help = "Leave out reflections beyond this resolution (A)."
  low_resolution = None
    .type = float
    .help = "Leave out reflections below this resolution (A)."
  anomalous = Auto
    .type = bool
    .help = "Keep Friedel mates apart. Auto: as they are in the file."
  twin_law = None
    .type = str
    .help = "Twin law, as 'k,h,-l'."
  outliers_rejection = True
    .type = bool
    .help = "Leave out reflections that Wilson statistics call impossible."
  ignore_symmetry_mismatch = False
    .type = bool
    .help = "Use the data's symmetry where model and data disagree."
}
"""

MODEL = """
model
  .help = "How the model file is read."
{
  residual_b = *auto yes no
    .type = choice
    .optional = False
    .help = "Whether the B column holds only what TLS leaves (then the "
            "header's TLS is added). auto: decided from the model and data."
}
"""

START = """
start
{
  b_iso = None
    .type = float(value_min=0.1)
    .help = "Begin with this isotropic B (A**2) for every atom."
}
"""

HNM = """
hnm
  .help = "Hierarchical normal-mode refinement of U_group."
{
  n_whole = 20
    .type = int(value_min=6)
    .help = "Modes of the whole complex, the six rigid-body ones among them. Auto "
            "finds 6, 10, 20, 30, 40 or 50 in every macro-cycle, from reflections of "
            "the working set kept apart."
  n_substructure = 20
    .type = int(value_min=6)
    .help = "Modes of a substructure, the six rigid-body ones among them. Auto "
            "finds it likewise, up to n_whole."
  substructure = None
    .type = str
    .multiple = True
    .help = "Atom selection of one substructure. Default: one a chain."
  restraint_weight = 0.5
    .type = float(value_min=0)
    .help = "Stage two's pull towards stage one, as a ratio of gradients. Auto finds "
            "0, 0.2, 0.5, 1 or 2 likewise."
  prior_weight = Auto
    .type = float(value_min=0)
    .help = "Pull of U_group towards isotropic U: 1 is as strong as the data's own "
            "hold on the mean atom. 0 leaves the least that keeps loose ends from "
            "flying apart; Auto finds it in every macro-cycle from reflections of "
            "the working set kept apart, and is 0 with twinned data."
  target = *ls_wunit_k1 ml
    .type = choice
    .optional = False
    .help = "Target of the two stages. Least squares, as in mmtbx's TLS "
            "refinement, moves far from a poor start, where maximum likelihood "
            "with its parameters held moves little."
  modes_file = None
    .type = str
    .help = "Modes of the whole complex, from hnmref.modes (npz)."
  max_iterations = 50
    .type = int(value_min=1)
    .help = "Minimiser iterations of one stage in one macro-cycle."
  network
  {
    cutoff = 8.0
      .type = float(value_min=3)
      .help = "Springs join atoms nearer than this (A)."
    spring_law = constant *distance_power hinsen
      .type = choice
      .optional = False
      .help = "Stiffness of a spring: one for all, r^-2, or Gaussian in r "
              "(Hinsen 1998)."
    blocks = *residue none
      .type = choice
      .help = "Rigid blocks that reduce the network (RTB)."
  }
}
"""

TLS = """
tls
  .help = "mmtbx's TLS refinement in the place of normal modes."
{
  groups_per_chain = None
    .type = int(value_min=1)
    .help = "Cut each chain into this many contiguous segments."
  partition = *equal tlsmd
    .type = choice
    .optional = False
    .help = "Where chains are cut: into segments of equal numbers of residues, or "
            "of B that fit TLS best, as TLSMD does, from the B of the model's file "
            "whatever start.b_iso is. tlsmd without groups_per_chain: as many a "
            "chain as its B speak for."
  selection = None
    .type = str
    .multiple = True
    .help = "Atom selection of one TLS group. Without this, "
            "groups_per_chain and partition=tlsmd: the groups of the model's "
            "header, else one a chain."
}
"""

U_LOCAL = """
u_local
  .help = "mmtbx's individual isotropic B refinement, U_group held."
{
  optimize_weight = True
    .type = bool
    .help = "Try weights against the ADP restraints, and take the strongest "
            "restraint that reflections of the working set kept apart cannot tell "
            "from the best (with twinned data: that of the lowest R_free)."
  restrain = *total local
    .type = choice
    .optional = False
    .help = "What the similarity restraints act on: B of the whole displacement, or "
            "of U_local alone."
  max_iterations = 25
    .type = int(value_min=1)
    .help = "Minimiser iterations of one trial."
}
"""

SITES = """
sites
  .help = "Coordinates against geometry restraints."
{
  optimize_weight = True
    .type = bool
    .help = "Try weights against the geometry restraints."
  weight_scale = 0.5
    .type = float(value_min=0)
    .help = "Weight of the X-ray target where none is tried, as a ratio of "
            "gradients (phenix.refine's wxc_scale)."
  max_iterations = 25
    .type = int(value_min=1)
    .help = "Minimiser iterations of one trial."
  ncs_restraints = False
    .type = bool
    .help = "Restrain torsion angles of like chains to each other, as phenix.refine "
            "does. The chains are found by themselves; differences beyond 15 degrees "
            "stay. Needs rotamer grids."
  fit_rotamers = False
    .type = bool
    .help = "In each macro-cycle, before the minimisation, fit side chains that are "
            "rotamer outliers or in poor density to the 2mFo-DFc map; those are "
            "kept that lower R_work. Needs rotamer grids."
  flip_nqh = False
    .type = bool
    .help = "In each macro-cycle, before the minimisation, turn the ends of Asn, Gln "
            "and His round where contacts and hydrogen bonds within the model ask for "
            "it, by mmtbx's reduce2."
}
"""

MAIN = """
main
{
  number_of_macro_cycles = 3
    .type = int(value_min=0)
    .help = "Times of all steps; 0 only scales, and writes the files."
  random_seed = 2679941
    .type = int
    .help = "The same seed gives the same result."
  nproc = 1
    .type = int(value_min=1)
    .help = "Processes for independent work."
  target = *ml ls_wunit_k1
    .type = choice
    .optional = False
    .help = "Target of sites and U_local (a twin has its own)."
  scattering_table = *n_gaussian it1992 wk1995 electron neutron
    .type = choice
    .optional = False
    .help = "Form factors; neutron for neutron data."
  restart_file = None
    .type = str
    .help = "Go on from a run's .hnm.npz."
  restart_sites = *file model
    .type = choice
    .optional = False
    .help = "Coordinates and atoms to go on with: those of the restart file, which "
            "repeats the run exactly, or those of the model, edited since then. "
            "Its atoms take over U by their names, new ones that of the nearest."
}
"""

OUTPUT = """
output
{
  model_format = *pdb *cif
    .type = choice(multi=True)
    .help = "Formats of the refined model."
  levels = False
    .type = bool
    .help = "Also write models with U of one level only: of the whole complex, of "
            "the substructures, and local."
  viewers = False
    .type = bool
    .help = "Also write scripts that show the run in PyMOL, ChimeraX and Coot, maps "
            "for the first two, and the refined motions of each group for VMD and "
            "ProDy (NMD): eight files and one more a group, so not unasked."
  progress = None
    .type = str
    .help = "Add a line of JSON to this file after every step, for programs that "
            "watch a run."
  dry_run = False
    .type = bool
    .help = "Say what would be refined, and stop (also --dry-run)."
}
"""

REFINE = (
    """
strategy = sites *adp
  .type = choice(multi=True)
  .help = "What to refine: adp, or sites+adp."
group_adp = *hnm tls none
  .type = choice
  .help = "The model of U_group: normal modes, TLS, or none."
"""
    + DATA
    + MODEL
    + START
    + HNM
    + TLS
    + U_LOCAL
    + SITES
    + MAIN
)
