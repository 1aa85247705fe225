"""What happened to the leads of a period, and which rules does it speak against? Pages of the admin, and their mail."""
