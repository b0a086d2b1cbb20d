"""The records of the serializer benchmark, as dataclasses and as Protocol Buffers messages with the same fields."""
