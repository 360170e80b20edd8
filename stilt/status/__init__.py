"""What a project's state is: one object for programs, one screen for people."""
