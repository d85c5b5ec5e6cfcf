"""Cards are known by their peak, without torch, which a shell's completion would wait for."""

import subprocess
import sys

from babyllama.pipeline.cards import CARDS


def test_cards_are_in_lower_case_and_have_the_peak_of_a_card():
    assert all(name == name.lower() for name in CARDS)
    assert all(5e13 < flops < 5e15 for flops in CARDS.values())


def test_cards_are_known_without_torch():
    code = "import sys, babyllama.pipeline.cards; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
