"""A contract for import-linter: methods are independent, except true subclasses."""

import ast
import importlib.util
import pathlib

from importlinter import Contract, ContractCheck, fields, output


def imports_without_subclass(source, package):
    """Imports from siblings in `package` that name no base of a class defined in `source`.

    Args:
        source: text of one module of the package.
        package: dotted name, e.g. "zoo.methods".

    Returns:
        list of (line number, imported name).
    """
    tree = ast.parse(source)
    bases = {
        name.id
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        for name in ast.walk(base)  # `Base` and `module.Base` alike
        if isinstance(name, ast.Name)
    }
    strays = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            if node.level or module == package or module.startswith(package + "."):
                strays += [
                    (node.lineno, a.name) for a in node.names if (a.asname or a.name) not in bases
                ]
        elif isinstance(node, ast.Import):
            strays += [
                (node.lineno, a.name) for a in node.names if a.name.startswith(package + ".")
            ]
    return strays


class OnlySubclassesContract(Contract):
    """A module of `package` may import another one only for the base of a class that it defines."""

    type_name = "subclasses"
    package = fields.StringField()

    def check(self, graph, verbose):
        """Reads every module of the package; the graph would not say what was imported for."""
        (folder,) = importlib.util.find_spec(self.package).submodule_search_locations
        broken = [
            f"{path.name}:{line} imports {name}, which is no base of a class in it"
            for path in sorted(pathlib.Path(folder).glob("*.py"))
            for line, name in imports_without_subclass(path.read_text(), self.package)
        ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check):
        """Prints one line an import."""
        for line in check.metadata["broken"]:
            output.print_error(line)
