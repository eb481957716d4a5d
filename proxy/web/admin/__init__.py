"""The admin interface: keys, teams, limits and what was changed; off without PROXY_ADMIN_TOKEN."""
