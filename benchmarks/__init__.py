"""Figures, each measured beside the machine's limit and a peer in the same run: `python -m benchmarks --help`.

A shared machine is noisy. So whatever is compared is measured in turns, round after round; a figure is the median over
rounds, a ratio the median of the rounds' ratios, and the smallest and largest stand beside both.
"""
