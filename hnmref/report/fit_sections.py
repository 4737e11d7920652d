"""Parts of a run's page that say how the model fits the data."""

from __future__ import annotations

from hnmref.report import charts as figures
from hnmref.report import page
from hnmref.report.choice_charts import choices_by_cycle
from hnmref.report.log_table import COLUMNS

Charts = dict[str, dict]


def percent(fraction: float) -> str:
    """A fraction as per cent with two decimals."""
    return f"{100 * fraction:.2f}"


def placed(charts: Charts, name: str, figure: dict, alt: str, caption: str) -> str:
    """Room for a figure in the page; it is put among the page's charts."""
    charts[name] = figure
    return page.chart(name, figure["layout"]["height"], alt, caption)


def progress(run: dict, charts: Charts) -> str:
    """R-factors after every step, and the table of steps."""
    cycles = run["cycles"]
    if not cycles:
        return page.section("Progress", page.paragraph("No step was taken."))
    # "left" is for those who wait.
    columns = [column for column in COLUMNS if column.title != "left"]
    first_of_cycle = [
        i
        for i, step in enumerate(cycles)
        if i and step["cycle"] != cycles[i - 1]["cycle"]
    ]
    return page.section(
        "Progress",
        placed(
            charts,
            "r-by-step",
            figures.r_by_step(run["start"], cycles),
            f"R_work and R_free at the start and after each of {len(cycles)} steps; "
            f"R_free goes from {percent(run['start']['r_free'])} "
            f"to {percent(run['final']['r_free'])} %.",
            "R_work and R_free after every step; the shaded band is the gap. The last "
            "scaling, of the figures at the top, follows the last step.",
        ),
        page.table(
            [column.title for column in columns],
            [[column.cell(step).strip() for column in columns] for step in cycles],
            text_columns=(1,),
            ruled_rows=first_of_cycle,
        ),
    )


def choices(run: dict, charts: Charts) -> str:
    """What was found from the data, and by how much."""
    n_choices = sum(len(step.get("choices", ())) for step in run["cycles"])
    if not n_choices:
        return ""
    return page.section(
        "What the data chose",
        placed(
            charts,
            "choices",
            choices_by_cycle(run["cycles"]),
            f"R of reflections kept apart for the values tried in {n_choices} choices.",
            "R-factor of fifths of the working set, each kept apart while U was refined "
            "against the rest with one value after the other; blue in the last cycle, "
            "grey before. Bars are standard errors of the difference from the best. "
            "The diamond was taken: the simplest (fewest modes, strongest restraint) "
            "that is no further above the best than its bar is long.",
        ),
    )


def shells(run: dict, charts: Charts) -> str:
    """R-factors by resolution."""
    values = run["shells"]
    if not values:
        return ""
    highest = values[-1]
    free = "" if highest["r_free"] is None else f", R_free {percent(highest['r_free'])}"
    return page.section(
        "Resolution",
        placed(
            charts,
            "r-by-shell",
            figures.r_by_shell(values),
            f"R_work and R_free in {len(values)} shells of resolution.",
            f"R-factors of the refined model by resolution. Highest shell, "
            f"{highest['d_max']:.2f} to {highest['d_min']:.2f} Å: R_work "
            f"{percent(highest['r_work'])}{free} %.",
        ),
    )


def parameters(run: dict, charts: Charts) -> str:
    """Numbers of parameters beside the number of amplitudes."""
    data, cycles = run["data"], run["cycles"]
    counts = {step["step"]: step["n_parameters"] for step in cycles}
    # Stage two takes stage one's place in the model.
    final = [n for step, n in counts.items() if step != "stage_one" and n]
    if not final:
        return ""
    total = sum(final)
    return page.section(
        "Parameters and data",
        placed(
            charts,
            "parameters",
            figures.parameters_and_data(data, cycles),
            f"{data['n_work']} amplitudes and the parameters of each step.",
            f"{data['n_work']:,} amplitudes to {data['d_min']:.2f} Å, "
            f"{data['n_free']:,} more in the free set; {total:,} refined parameters in the final model: "
            f"{data['n_work'] / total:.1f} amplitudes a parameter.",
        ),
    )


def worst_residues(run: dict) -> str:
    """The residues that the map agrees with least."""
    rows = [
        [
            worst["chain"],
            worst["residue"],
            worst["name"],
            f"{worst['map_correlation']:.3f}",
            f"{worst['mean_b']:.1f}",
        ]
        for worst in run["worst_residues"]
    ]
    if not rows:
        return ""
    return page.section(
        "Residues to look at",
        page.paragraph(
            "Lowest correlation of the 2mFo−DFc map with the model's map around the "
            "residue; waters are left out."
        ),
        page.table(
            ["chain", "residue", "name", "map correlation", "⟨B⟩"], rows, (0, 1, 2)
        ),
    )
