import torch

from colorcli.training import data, recipe, sources, subjects
from colorcli.training.task import Task


class _Truthful(torch.nn.Module):
    """Answers gray, which is right for a gray picture alone."""

    def forward(self, L):
        return torch.zeros(len(L), 2, L.shape[2] // 2, L.shape[3] // 2)


def test_scores_of_subjects_add_up_to_those_of_all(places):
    pictures = data.load(sources.find([places])[0], side=64, gray=2.0, workers=1)
    options = recipe.Validation(pictures=4, crop=32, size=32)
    task = Task(
        recipe.load("vgg16-autoencoder", ["network.sizes.vgg=2", "network.sizes.width=2"]), torch.ones(313) / 313
    )
    found = subjects.measure(task, _Truthful(), pictures, options, torch.device("cpu"))
    assert list(found) == ["in", "out", "all"]
    assert [of.pictures for of in found.values()] == [4, 4, 8]
    for of in found.values():
        assert (of.mse, of.accuracy) == (of.gray_mse, of.gray_accuracy)
        assert of.mse > 0 and 0 < of.accuracy < 1
    assert abs(found["all"].mse - (found["in"].mse + found["out"].mse) / 2) < 1e-9


def test_pictures_outside_of_folders_count_among_all_only():
    assert subjects.subject_of("a.jpg") is None
    assert subjects.subject_of("animals/cats/a.jpg") == "animals"


def test_accuracy_is_the_share_of_pixels_near_the_truth():
    truth = torch.zeros(1, 2, 1, 4)
    answer = torch.tensor([[[[0.0, 6.0, 8.0, 6.0]], [[0.0, 8.0, 8.0, 0.0]]]])  # distances 0, 10, 11.3, 6
    mse, accuracy = subjects._errors(answer, truth)
    assert accuracy == 0.75 and mse == (36 + 64 + 64 + 64 + 36) / 8


def test_the_table_says_what_accuracy_is():
    scores = {"all": subjects.Subject(3, 120.0, 0.5, 200.0, 0.25)}
    text = subjects.table([{"step": 10, "epoch": 1.5, "subjects": subjects.row(scores)}])
    assert text.startswith("accuracy: share of pixels")
    assert "| 10 | 1.50 | all | 3 | 120.0 (200.0) | 50.0% (25.0%) |" in text
