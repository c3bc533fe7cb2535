"""Many runs beside each other, each in a process of its own: below studies and grading."""
