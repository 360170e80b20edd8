"""What the commands that change a project do, without the command line."""
