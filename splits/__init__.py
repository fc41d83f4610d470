"""Split files and facts about the data sets: data only."""
