"""Tools over the contracts: generate code from them, check that they keep the rules."""
