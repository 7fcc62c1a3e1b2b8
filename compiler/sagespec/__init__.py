"""sagespec: a compiler for declarative SageMaker training and evaluation jobs.

Data flows one way:
bytes -> Source -> Spec -> Resolved -> Rendered -> Compiled -> Plan -> Submitted -> Status.
Everything up to Compiled is pure; only `executor` talks to AWS, and it reads compiled files only.
"""

__version__ = "0.1.0"
