"""What tests share: folders to fill, made-up runs, fakes, and programs to start."""
