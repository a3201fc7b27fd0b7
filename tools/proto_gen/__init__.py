"""The parts of tools/gen_proto.py: the schema, and one writer per output."""
