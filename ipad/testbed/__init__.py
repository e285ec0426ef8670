"""The far side, simulated: eUICC, eIM, radio network. Nothing of the agent imports it."""
