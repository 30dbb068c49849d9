"""What all estimators of infinitely wide networks share."""
