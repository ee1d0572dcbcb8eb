"""Entries of the ledger, made by hand for tests."""

from zoo import ledger


def a_run(seed, value=1.0, **changes):
    measured = {"value": value, "n": 100, "split": "test", "protocol": "by hand, C = 1", "seed": 0}
    return {
        "seed": seed,
        "draws": {},
        "commit": "0123456789abcdef",
        "measured_at": "0123456789abcdef",
        "dirty": False,
        "seconds": 60.0,
        "versions": {"keras": "3.15.1"},
        "machine": {"cpu": "a CPU", "cores": 2, "ram_gb": 8},
        "evaluation": {"nll": measured},
        **changes,
    }


def an_entry(values=(1.0, 2.0, 6.0), paper=None, **changes):
    return ledger.entry(
        **{
            "method": "vae",
            "dataset": "digits",
            "variant": None,
            "flags": {"steps": 10},
            "runs": [a_run(seed, value) for seed, value in enumerate(values)],
            "paper": paper or {},
            "command": "python tools/reproduce.py --flagfile=configs/vae/digits.cfg --seeds=3",
            **changes,
        }
    )
