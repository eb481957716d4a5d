"""What operators do, once for the terminal and the admin interface: keys, teams, limits."""
