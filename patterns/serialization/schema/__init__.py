"""What is carried: the records as dataclasses and, field for field, as Protocol Buffers messages."""
