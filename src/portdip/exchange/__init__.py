"""What comes in from other systems, as rows the table understands.

`rows` fixes the three kinds of row, `feeds` holds one module for each source that can be read, `column_map`
says where a file keeps its values. No other room is imported here.
"""
