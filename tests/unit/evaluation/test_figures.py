"""Figures by hand: small cases whose answer can be counted on fingers."""

import numpy as np
import pytest

from infra.evaluation.figures import (
    auroc,
    calibration_error,
    coverage_at_risk,
    recall_at_false_alarms,
    reliability,
    risk_coverage,
)

SURE = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
RIGHT = np.array([True, True, False, True, False])


def test_coverage_is_the_largest_share_with_few_enough_errors() -> None:
    assert coverage_at_risk(SURE, RIGHT, 0.0) == 0.4
    assert coverage_at_risk(SURE, RIGHT, 0.25) == 0.8
    assert coverage_at_risk(SURE, RIGHT, 1.0) == 1.0


def test_nothing_is_covered_where_the_surest_is_wrong() -> None:
    assert coverage_at_risk(SURE, ~RIGHT, 0.05) == 0.0


def test_equal_confidences_are_let_through_together() -> None:
    coverage, risk = risk_coverage(np.array([0.5, 0.5, 0.5]), np.array([True, True, False]))

    assert coverage.tolist() == [1.0]
    assert risk.tolist() == pytest.approx([1 / 3])


def test_recall_within_a_share_of_false_alarms() -> None:
    positive = np.array([True, True, False, True, False])

    assert recall_at_false_alarms(positive, SURE, 0.0) == pytest.approx(2 / 3)
    assert recall_at_false_alarms(positive, SURE, 0.5) == 1.0


def test_one_class_alone_has_no_separation() -> None:
    assert auroc(np.array([True, True]), np.array([0.1, 0.2])) is None
    assert recall_at_false_alarms(np.array([False]), np.array([0.1]), 0.05) is None


def test_a_model_that_is_as_sure_as_it_is_right_has_no_calibration_error() -> None:
    confidence = np.array([0.75] * 4)
    right = np.array([True, True, True, False])

    assert calibration_error(confidence, right) == 0.0
    assert calibration_error(confidence, ~right) == pytest.approx(0.5)
    assert reliability(confidence, right) == [(0.75, 0.75, 1.0)]


def test_certainty_falls_into_the_last_bin() -> None:
    assert reliability(np.array([1.0, 0.99]), np.array([True, True]), bins=10) == [(pytest.approx(0.995), 1.0, 1.0)]
