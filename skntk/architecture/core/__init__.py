"""What all layers share: their base class, parameters, names and checks."""
