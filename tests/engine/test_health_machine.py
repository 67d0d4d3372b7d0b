"""The doctor's checks of cores, memory and devices."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from colorcli.engine.health import devices, limits, machine
from colorcli.errors import DeviceError

GIB = 2**30


def tree(root: Path, **files: object) -> limits.Groups:
    """Lay out a file system; ``__`` stands for a slash, ``_dot_`` for a dot."""
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(content))
    return limits.Groups(root)


def test_limits_of_version_2_are_the_lowest_on_the_way_up(tmp_path: Path) -> None:
    groups = tree(
        tmp_path,
        proc__self__cgroup="0::/job/step\n",
        sys__fs__cgroup__job__memory_dot_max=4 * GIB,
        sys__fs__cgroup__job__memory_dot_current=GIB,
        sys__fs__cgroup__job__step__memory_dot_max="max",
        sys__fs__cgroup__job__step__cpu_dot_max="150000 100000",
        sys__fs__cgroup__job__cpu_dot_max="max 100000",
    )
    assert groups.memory() == (4 * GIB, GIB)
    assert groups.cpu() == 1.5


def test_limits_of_version_1(tmp_path: Path) -> None:
    groups = tree(
        tmp_path,
        proc__self__cgroup="4:memory:/box\n2:cpu,cpuacct:/box\n1:name=systemd:/\n0::/\n",
        sys__fs__cgroup__memory__box__memory_dot_limit_in_bytes=3 * GIB,
        sys__fs__cgroup__memory__memory_dot_limit_in_bytes=9223372036854771712,
        sys__fs__cgroup__cpu__box__cpu_dot_cfs_quota_us=200000,
        sys__fs__cgroup__cpu__box__cpu_dot_cfs_period_us=100000,
        sys__fs__cgroup__cpu__cpu_dot_cfs_quota_us=-1,
        sys__fs__cgroup__cpu__cpu_dot_cfs_period_us=100000,
    )
    assert groups.memory() == (3 * GIB, 0)
    assert groups.cpu() == 2


def test_no_groups_are_no_limit(tmp_path: Path) -> None:
    assert limits.Groups(tmp_path).memory() is None
    assert limits.Groups(tmp_path).cpu() is None


def test_little_memory_is_a_warning(tmp_path: Path) -> None:
    groups = tree(
        tmp_path,
        proc__meminfo="MemTotal:       16777216 kB\nMemFree: 1 kB\nMemAvailable:   12582912 kB\n",
        proc__self__cgroup="0::/\n",
    )
    found = machine.memory(groups, tmp_path)
    assert (found.status, found.text) == ("ok", "16.0 GiB, 12.0 GiB available")
    tree(tmp_path, sys__fs__cgroup__memory_dot_max=GIB, sys__fs__cgroup__memory_dot_current=2**20)
    found = machine.memory(groups, tmp_path)
    assert found.status == "warn"
    assert "limited to 1.0 GiB by a control group" in found.text


def test_more_threads_than_the_group_has_time_for(tmp_path: Path) -> None:
    groups = tree(tmp_path, proc__self__cgroup="0::/\n", sys__fs__cgroup__cpu_dot_max="50000 100000")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = machine.threads(groups)
        assert (found.status, found.hint) == ("warn", "export OMP_NUM_THREADS=1")
    finally:
        torch.set_num_threads(before)
    assert "limited to the time of 0.5" in machine.cores(groups).text


def test_full_disk_and_no_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nowhere() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=5))
    assert machine.room("x", tmp_path / "not/there").status == "warn"
    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    found = {check.name: check for check in machine.checks()}
    assert found["temporary files"].status == "fail"
    assert "TMPDIR" in str(found["temporary files"].hint)
    assert found["cores"].status == "ok"


# Devices

CPU = torch.device("cpu")


def test_fp32_works_and_every_precision_has_a_verdict() -> None:
    found = {check.name: check for check in devices.precisions(CPU)}
    assert list(found) == ["cpu fp32", "cpu bf16", "cpu fp16"]
    assert found["cpu fp32"].data["works"] is True
    assert found["cpu fp32"].data["error"] < 1e-5
    assert all(isinstance(check.data["works"], bool) for check in found.values())


def test_wrong_numbers_are_a_failure_in_fp32_and_a_warning_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    real = torch.nn.functional.conv2d

    def poor(picture: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        result = real(picture, weight)
        return result if result.dtype == torch.float64 else result * float("nan")

    monkeypatch.setattr("torch.nn.functional.conv2d", poor)
    found = {check.name: check for check in devices.precisions(CPU)}
    assert (found["cpu fp32"].status, found["cpu fp32"].exit_code) == ("fail", 6)
    assert found["cpu bf16"].status == "warn"
    assert found["cpu bf16"].hint == "use --precision fp32"


def test_precision_that_the_device_lacks_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    real = torch.nn.functional.conv2d

    def picky(picture: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        if torch.is_autocast_enabled("cpu"):
            raise RuntimeError("not implemented for 'Half'\nframes")
        return real(picture, weight)

    monkeypatch.setattr("torch.nn.functional.conv2d", picky)
    found = {check.name: check for check in devices.precisions(CPU)}
    assert found["cpu fp32"].status == found["cpu fp16"].status == "ok"
    assert found["cpu fp16"].text == "not supported (RuntimeError: not implemented for 'Half')"


def test_old_processor_is_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("model name\t: Old Faithful\nflags\t\t: sse2 avx2 fpu\n")
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: "DEFAULT")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    found = devices.cpu(cpuinfo)
    assert found.status == "warn"
    assert "Old Faithful" in found.text and found.data["flags"] == ["avx2"]
    assert devices.cpu(tmp_path / "none").data["name"]


DRIVER = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\nGCC version: 12\n"


def test_driver_without_a_build_for_it_is_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    driver = tmp_path / "version"
    driver.write_text(DRIVER)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.version.cuda", None)
    monkeypatch.setattr("torch.version.hip", None)
    found = devices.cuda(driver)
    assert (found.status, found.data["driver"]) == ("warn", "550.54.15")
    assert "CPU build" in found.text
    assert devices.cuda(tmp_path / "none").status == "ok"
    monkeypatch.setattr("torch.version.cuda", "12.4")
    found = devices.cuda(driver)
    assert (found.status, found.hint) == ("warn", "check the driver with nvidia-smi")


def test_each_cuda_device_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    # None is here: what torch says of two is made up, and running on them fails as a wrong build does.
    def unfit(device: torch.device, name: str, plain: float | None = None) -> Any:
        if device.type == "cuda":
            raise RuntimeError("CUDA error: no kernel image is available for execution on the device")
        return devices.Check(name=f"{device} {name}", data={"works": True})

    properties = SimpleNamespace(name="Some GPU", major=9, minor=0)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda _: properties)
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda d: ((100 if d.index else 2) * GIB // 4, 24 * GIB))
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda: True)
    monkeypatch.setattr(devices, "precision", unfit)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = {check.name: check for check in devices.checks()}
    assert found["cuda:0"].status == "warn"  # half a GiB free
    assert found["cuda:1"].text.startswith("Some GPU, 24.0 GiB, 25.0 GiB free")
    assert (found["cuda:0 fp32"].status, found["cuda:0 fp32"].exit_code) == ("fail", DeviceError.exit_code)
    assert "torch build for this device" in str(found["cuda:0 fp32"].hint)
    assert found["cuda:1 bf16"].status == "ok"
    assert found["auto"].data["device"] == "cuda:0"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_real_cuda_device() -> None:
    found = {check.name: check for check in devices.checks()}
    assert found["cuda:0"].status in ("ok", "warn")
    assert found["cuda:0 fp32"].data["works"] is True
