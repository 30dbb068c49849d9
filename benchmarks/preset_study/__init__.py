"""Jobs, variants and tables of the study behind the defaults of the presets."""
