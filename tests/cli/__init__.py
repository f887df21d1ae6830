"""The command line, called as users, scripts and cron call it."""
