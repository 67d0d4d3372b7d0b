import threading

import pytest
import torch

from colorcli.engine import threads


def test_a_network_gets_a_quarter_of_the_cores_and_gives_them_back():
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError), threads.for_network(torch.device("cpu")):
        assert torch.get_num_threads() == max(1, threads.cores() // 4)
        raise RuntimeError
    assert torch.get_num_threads() == before


def test_a_heavy_network_gets_all_cores() -> None:
    with threads.for_network(torch.device("cpu"), heavy=True):
        assert torch.get_num_threads() == threads.cores()


def test_other_devices_are_left_alone():
    before = torch.get_num_threads()
    with threads.for_network(torch.device("meta")):
        assert torch.get_num_threads() == before


def test_a_worker_keeps_to_one_thread_without_taking_the_others_theirs():
    before, seen = torch.get_num_threads(), []

    def work() -> None:
        threads.only_one()
        seen.append(torch.get_num_threads())

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert seen == [1] and torch.get_num_threads() == before
