"""How the simulated language model reads a catalogue and writes each form of answer."""
