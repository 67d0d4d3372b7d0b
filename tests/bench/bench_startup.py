"""How quickly the program answers, as a Markdown table of ratios within one run.

    python tests/bench/bench_startup.py [--model MODEL] [--rounds 7]

Rows: ``colorcli --help`` and a TAB after ``--model`` against a bare Python (an interpreter that does nothing), and one
2-megapixel JPEG from a cold process against ``python -c "import torch"``. Every round runs each once, in turn, so what
else the machine does hits all of them; medians are taken over the rounds after a first one that warms the disk cache.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
from skimage import data

PYTHON = sys.executable
COLORCLI = [PYTHON, "-m", "colorcli"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        gray = cv2.cvtColor(cv2.resize(data.astronaut(), (1414, 1414)), cv2.COLOR_RGB2GRAY)
        cv2.imwrite(str(photo), gray)
        tab = {"_COLORCLI_COMPLETE": "complete_bash", "COMP_WORDS": "colorcli photo --model ", "COMP_CWORD": "3"}
        out = ["-o", f"{folder}/new.jpg", "--overwrite", "--model", options.model, "--device", "cpu"]
        runs: dict[str, tuple[list[str], dict[str, str]]] = {
            "python -c pass": ([PYTHON, "-c", "pass"], {}),
            "colorcli --help": ([*COLORCLI, "--help"], {}),
            "colorcli photo --model TAB": (COLORCLI, tab),
            'python -c "import torch"': ([PYTHON, "-c", "import torch"], {}),
            "colorcli photo, 2 MP, cold": ([*COLORCLI, "photo", str(photo), *out], {}),
        }
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for round_ in range(options.rounds + 1):
            for name, (command, environment) in runs.items():
                start = time.perf_counter()
                done = subprocess.run(command, capture_output=True, env={**os.environ, **environment})
                if done.returncode:
                    sys.exit(f"{name}: {done.stderr.decode()}")
                if round_:
                    seconds[name].append(time.perf_counter() - start)

    median = {name: statistics.median(values) for name, values in seconds.items()}
    against = {
        "colorcli --help": "python -c pass",
        "colorcli photo --model TAB": "python -c pass",
        "colorcli photo, 2 MP, cold": 'python -c "import torch"',
    }
    print("| command | median | min..max | ratio | target |\n|---|---|---|---|---|")
    targets = {
        "colorcli --help": "0.3 s", "colorcli photo --model TAB": "0.3 s", "colorcli photo, 2 MP, cold": "1.6x",
    }  # fmt: skip
    for name, values in seconds.items():
        ratio = f"{median[name] / median[against[name]]:.2f}x {against[name]}" if name in against else ""
        spread = f"{min(values):.2f}..{max(values):.2f} s"
        print(f"| {name} | {median[name]:.2f} s | {spread} | {ratio} | {targets.get(name, '')} |")


if __name__ == "__main__":
    main()
