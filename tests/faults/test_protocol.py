"""Bytes that are no answer break the adapter, never the run, and never the framework's name."""

import pytest

from tests.faults.driving import STARTING
from tests.faults.trial import lost


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("garbage", "not a frame: it starts with b'\\x00\\x01\\x02\\x03'"),
        ("endless_header", "a header of 1000000000000 bytes; at most"),
        ("another_version", "protocol version 99, this is version 1"),
        ("no_json", "the header is no JSON"),
        ("a_list", "the header is a list, not an object"),
        ("nested_for_ever", "the header is"),
        ("another_request", "answered 'd' when asked for 'struck'"),
        ("no_answer", "its answer to 'struck' has no steps"),
    ],
)
@lost("the case")
def test_bytes_that_are_no_answer(strike, fault, message):
    """Garbage, absurd lengths, another version, another request's answer: a broken adapter."""
    outcome = strike("garbling", fault)
    assert outcome.struck.ended == "broken adapter"
    assert message in outcome.struck.message
    assert outcome.seconds < STARTING


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("sixty_five_dimensions", "an array in the header has the shape [1, 1, 1"),
        ("a_size_of_2_to_the_63", "arrays of 36893488147419103232 bytes; at most"),
        ("a_size_of_10_to_the_400", "an array in the header has the shape [1000"),
        ("a_size_of_true", "an array in the header has the shape [True]"),
        ("a_shape_that_is_a_text", "an array in the header has the shape '12'"),
        ("a_dtype_that_is_a_list", "the dtype of an array in the header is no name"),
        ("an_array_number_of_true", "an array in the header has the shape"),
        ("an_array_as_the_end", "its answer to 'struck' has no steps or no end"),
        ("an_array_as_the_name", "said 'answer' where the answer to 'struck' was due"),
        ("an_array_as_the_kind", "said a ndarray where the answer to 'struck' was due"),
        ("an_end_of_10_to_the_400", "an answer cannot end as 1000"),
        ("seconds_of_10_to_the_400", "a number is too large"),
        ("seconds_of_infinity", "it took inf seconds"),
        ("an_option_that_is_a_list", "the convention 'scale' has the option ['gamma']"),
        ("an_option_of_10_to_the_400", "a number is too large"),
        ("a_source_that_is_a_number", "the conventions are not {field: (option, source)}"),
        ("nested_a_hundred_deep", "the header is nested more than 32 deep"),
        ("a_number_of_5000_digits", "the header is no JSON"),
    ],
)
@lost("the case")
def test_frames_that_are_malformed(strike, fault, message):
    """Whatever cannot be is told of its case; the other cases have their own answers."""
    outcome = strike("garbling", fault)
    assert outcome.struck.ended == "broken adapter"
    assert message in outcome.struck.message
    assert outcome.seconds < STARTING


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("hello_without_devices", "its hello has the devices None, not a list of names"),
        ("hello_is_a_list", "ValueError"),
    ],
)
@lost("every case of that adapter")
def test_a_hello_that_is_none(strike, fault, message):
    """A hello in the wrong form breaks the adapter, in one line that says what is wrong."""
    outcome = strike("garbling", fault, others="broken adapter")
    assert message in outcome.hello.message
    assert "\n" not in outcome.hello.message
    assert outcome.seconds < STARTING


@lost("every case of that target")
def test_a_hello_from_a_machine_without_the_device(strike):
    """Nobody is at fault: the target is unavailable, and the line says what there is."""
    outcome = strike("garbling", "hello_for_another_machine", others="unavailable")
    assert outcome.hello.message == "no device 'cpu' on this machine; it has: tpu"
