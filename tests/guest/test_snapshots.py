#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux goes back and forth between snapshots that were taken under load; is suspended, and goes on."""

import counting
import tap


class Snapshots(counting.SnapshotStory):
    """Two processors."""

    def make_machine(self):
        return counting.CountingMachine("snapshots", self.receiver.url)


class Marathon(Snapshots):
    """Fifty times, between ten."""

    n_nodes, n_returns = 10, 50


if __name__ == "__main__":
    tap.main()
