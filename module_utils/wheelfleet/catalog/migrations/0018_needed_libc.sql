-- The C libraries with which a wheel's machine code works. Of older wheels it is not known.
ALTER TABLE wheel ADD COLUMN libc TEXT;
